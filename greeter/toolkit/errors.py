"""Errors with messages for the user of a job."""


class ToolError(Exception):
    """An error that the user can fix, such as unsuitable input. The job fails and its page shows the message.

    Any other exception is treated as a bug: the log gets the traceback, and the user sees only a reference to it.

    Args:
        message: One or two sentences for the user that end in what to do, such as
            "No gene was found in this sequence. Try another one."
    """


class ProgramError(ToolError):
    """A program of the job failed. The page of the job shows the message and the end of the program's error output.

    Args:
        program: The name of the program.
        status: Its exit status. If a signal ended it, 128 plus the number of the signal.
        output: The last lines of its error output, which may be empty.
    """

    def __init__(self, program: str, status: int, output: str) -> None:
        super().__init__(program, status, output)  # what pickle passes to this method
        self.program, self.status, self.output = program, status, output

    def __str__(self) -> str:
        advice = "Check your input; if it seems right, write to the operators of this site."
        if self.output:
            advice = (
                "The end of its output is below. If it says what is wrong with your input, correct that and run the "
                "job again; otherwise, write to the operators of this site."
            )
        return f"The program {self.program} failed with exit status {self.status}. {advice}"
