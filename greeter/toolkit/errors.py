"""The error that a tool raises for its user."""


class ToolError(Exception):
    """What a tool raises when its user can mend the cause: one sentence that says how, shown on the job's page."""
