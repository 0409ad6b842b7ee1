"""The error that a tool raises for its user."""


class ToolError(Exception):
    """An error that the user can fix, such as unsuitable input. The job fails and its page shows the message.

    Any other exception is treated as a bug: the log gets the traceback, and the user sees only a reference to it.

    Args:
        message: One or two sentences for the user that end in what to do, such as
            "No gene was found in this sequence. Try another one."
    """
