"""The job that a tool's function works on."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TextIO, overload

from greeter.toolkit.columns import Column
from greeter.toolkit.declarations import require_list
from greeter.toolkit.outputs import Outputs
from greeter.toolkit.program import Command, Stream, environment
from greeter.toolkit.programs import Programs
from greeter.toolkit.steps import Steps
from greeter.toolkit.table import Table

if TYPE_CHECKING:
    from _typeshed import OpenBinaryMode, OpenTextMode

Result = dict[str, Any]  # what a tool returns: JSON values, with None instead of NaN and infinity


class Fallback(Result):
    """A partial result: what a tool returns at its soft time limit or when its job is cancelled."""


class Job(Steps):
    """The job that a tool's function works on: reports progress, as `Steps`, writes result files, runs programs.

    Args:
        folder: The job's own folder, with the result files in its subfolder `outputs`. A test passes an empty one.
        memory: The maximum memory of the job in bytes: in a worker, the setting JOB_MEMORY.
        cores: The number of processor cores that it may use: in a worker, that of `@tool(cores=...)` or the setting
            JOB_CORES, whichever is less.
    """

    def __init__(self, folder: Path, memory: int = 4 * 2**30, cores: int = 1) -> None:
        super().__init__()
        self.folder = folder
        self.memory = memory
        self.cores = cores
        self._outputs = Outputs(folder)
        self._programs = Programs(folder)

    def log(self, message: object) -> None:
        """Add a message to the log of the job, whose last lines its page shows.

        Args:
            message: One or more lines for the user, or a value, shown as `str` does.
        """
        self._programs.write(str(message))

    @property
    def last_lines(self) -> str:
        """The last lines of the log: messages, and the error output of the programs."""
        return self._programs.log.text

    def fallback(self, result: Result) -> Fallback:
        """Label a result as partial, to return it after SoftTimeLimitExceeded.

        Args:
            result: What was finished by then, with the same keys as a complete result.

        Returns:
            The result with a label. The job's page shows it with a note that it is partial.
        """
        return Fallback(result)

    @overload
    def open(self, name: str, mode: "OpenTextMode" = "w", *, about: str = "") -> TextIO: ...
    @overload
    def open(self, name: str, mode: "OpenBinaryMode", *, about: str = "") -> BinaryIO: ...
    def open(self, name: str, mode: str = "w", *, about: str = "") -> IO[str] | IO[bytes]:
        """Open a result file. The job's page offers it for download once the job has ended.

        Args:
            name: The file name: up to 80 letters, digits and `._-`, of which the first is a letter or digit. With an
                underscore before it, the file is an intermediate one, which the page does not list.
            mode: As in the built-in `open`; with "b" for binary.
            about: A sentence about the file for the page.

        Returns:
            The open file, for a `with` statement. Text is encoded as UTF-8.

        Raises:
            ValueError: The name breaks these rules.
        """
        if about:
            self.about(name, about)
        return self._outputs.path(name).open(mode, encoding=None if "b" in mode else "utf-8")

    def table(self, name: str, columns: Mapping[str, Column], *, about: str = "") -> Table:
        """Write a table of results, which the job's page can sort, filter and offer for download.

        Args:
            name: The name of the result file with the rows, such as `hits.tsv`.
            columns: The columns by their names, which are up to 40 lower-case letters, digits and underscores.
            about: A sentence about the file for the page.

        Returns:
            The table, for a `with` statement.

        Raises:
            TypeError: The columns are not a dict of `Column`.
            ValueError: The name of the file or a column breaks the rules.
        """
        if not name.endswith(".tsv"):
            problem = f"A table cannot have the name {name!r}, because its columns are separated by tabs."
            raise ValueError(f"{problem} Use .tsv.")
        table = Table(self._outputs.path(name), columns)
        if about:
            self.about(name, about)
        return table

    def about(self, name: str, sentence: str) -> None:
        """Describe a result file, such as one that a program writes. The job's page shows the last sentence about it.

        Args:
            name: The name of the file, as for `open`. It need not exist yet.
            sentence: Up to 300 characters.

        Raises:
            ValueError: The name is not valid.
        """
        self._outputs.describe(name, sentence)

    def run(
        self,
        argv: Sequence[str | Path],
        stdout: str | None = None,
        *,
        on_line: Callable[[str], object] | None = None,
        lines: Stream = "stderr",
        show_errors: bool = True,
        env: Mapping[str, str] | None = None,
        memory: int | None = None,
        file_size: int = 1_000_000_000,
    ) -> None:
        """Run a program. Threads may run several at the same time.

        The program runs in the folder of the result files, so its own output files are offered for download too. It
        gets no shell, an empty standard input and a minimal environment, in which OMP_NUM_THREADS and similar variables
        are `self.cores`. Its error output goes to the log. It ends, with every process that it started, when the job
        ends for any reason.

        Args:
            argv: The program and its arguments.
            stdout: The name of the result file for its standard output, as for `open`. None: it is discarded.
            on_line: Called with each line that the program writes, as it comes, without its end and control characters
                such as those for colours, shortened to 1,000 characters. Each state of a progress bar is a line. An
                exception ends the program.
            lines: The stream whose lines `on_line` gets.
            show_errors: Whether the user may see its error output. Use False if that can contain secrets.
            env: Additional environment variables.
            memory: The maximum address space of each process in bytes, at most `self.memory`. None: `self.memory`.
            file_size: The maximum size in bytes of each file that it writes.

        Raises:
            FileNotFoundError: The program is not installed.
            MemoryError: The program ended with a status other than 0, and its error output is about memory.
            ProgramError: It ended with a status other than 0 for another reason. This is a ToolError.
            SoftTimeLimitExceeded: The job has to stop, and this is not the main thread.
            RuntimeError: A thread that outlived its job called this.
            TypeError: `argv` is a string.
            ValueError: `stdout` is not a valid name.
        """
        require_list("words of a command", argv)
        folder = self._outputs.folder
        with self.open(stdout, "wb") if stdout is not None else nullcontext() as out:
            command = Command(
                argv=[str(word) for word in argv],
                folder=folder,
                env={**environment(self.folder, self.cores), **(env or {})},
                limits=(min(memory or self.memory, self.memory), file_size),
                stdout=out,
                on_line=on_line,
                lines=lines,
                show_errors=show_errors,
            )
            self._programs.run(command)

    def stop_programs(self) -> None:
        """End the programs of all threads but the main one. The worker calls this when the job has to stop."""
        self._programs.stop()

    def close(self) -> None:
        """Refuse to start more programs. The worker calls this when the tool has ended."""
        self._programs.close()
