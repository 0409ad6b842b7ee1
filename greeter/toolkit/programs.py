"""The programs of a job. Their output, commands and errors are kept for its user."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, current_thread, main_thread

from celery.exceptions import SoftTimeLimitExceeded

from greeter.toolkit.errors import ProgramError
from greeter.toolkit.log import LastLines, Line, LineReader, command_line, visible, without_folders
from greeter.toolkit.program import Command, Program, Stream, find_program

log = logging.getLogger(__name__)

# What the C library, the dynamic linker, C++, Python, Java, HMMER and MAFFT print. A program cannot be asked for the
# reason in another way.
_OUT_OF_MEMORY = re.compile(
    r"(cannot|failed to) allocate|\ballocation error|failed to map segment|"
    r"bad_alloc|memoryerror|out ?of ?memory|malloc",
    re.IGNORECASE,
)


class Programs:
    """Runs the programs of a job, in any of its threads.

    Args:
        folder: The job's own folder, which gets the files `log` and `commands`.
    """

    def __init__(self, folder: Path) -> None:
        self.log = LastLines()  # what the user sees
        self._folder = folder
        self._root = folder.parents[1]  # that of the job, with its input, if this is that of an attempt
        self._running: set[Program] = set()
        self._lock = Lock()
        self._closed = self._stopping = False

    def run(self, command: Command) -> None:
        """Run a program to its end. Raises as `Job.run` does."""
        path, status, last_lines = find_program(command.argv[0]), None, LastLines()
        try:
            with self._started(command, path) as program:
                self._follow(program, command, last_lines)
                status = program.wait()
            self._check_open()
        finally:
            self._keep_command(command, status)
        if status:
            name = Path(path).name
            log.warning("%s ended with status %d", name, status)
            if _OUT_OF_MEMORY.search(last_lines.text):
                raise MemoryError
            output = without_folders(last_lines.text, self._root) if command.show_errors else ""
            raise ProgramError(name, status, output)

    def write(self, message: str) -> None:
        """Add a message of the tool to the log."""
        self._folder.mkdir(exist_ok=True)
        text = f"{message}\n".encode(errors="replace")
        with (self._folder / "log").open("ab") as file:
            file.write(text)
        for line in text.decode().splitlines():
            self.log.add(Line(visible(line)))

    def stop(self) -> None:
        """End the programs of all threads but the main one. Each of these threads gets SoftTimeLimitExceeded."""
        with self._lock:
            self._stopping = True
            for program in self._running:
                if program.thread is not main_thread():
                    program.stop()

    def close(self) -> None:
        """Refuse to start more programs."""
        with self._lock:
            self._closed = True

    @contextmanager
    def _started(self, command: Command, path: str) -> Iterator[Program]:
        with self._lock:
            self._check_open()
            program = Program(path, command)
            self._running.add(program)
        try:
            yield program
        finally:
            program.close()
            self._running.discard(program)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the job has ended")
        if self._stopping and current_thread() is not main_thread():
            raise SoftTimeLimitExceeded

    def _follow(self, program: Program, command: Command, last_lines: LastLines) -> None:
        """Pass on what a program writes, until it ends."""
        readers: dict[Stream, LineReader] = {"stderr": LineReader(), "stdout": LineReader()}
        with (self._folder / "log").open("ab", buffering=0) as errors:
            for stream, data in program.output():
                if file := errors if stream == "stderr" else command.stdout:
                    file.write(data)
                self._pass_on(readers[stream].read(data), stream, command, last_lines)
        for name, reader in readers.items():
            self._pass_on(reader.read(b"\n"), name, command, last_lines)

    def _pass_on(self, lines: Iterator[Line], stream: Stream, command: Command, last_lines: LastLines) -> None:
        for line in lines:
            if stream == "stderr":
                last_lines.add(line)
                if command.show_errors:
                    self.log.add(line._replace(text=without_folders(line.text, self._root)))
            if command.on_line and stream == command.lines:
                command.on_line(line.text)

    def _keep_command(self, command: Command, status: int | None) -> None:
        """Add a command to the file that the page of the job shows. A status of None means that it was stopped."""
        end = "stopped" if status is None else f"exit status {status}"
        with suppress(OSError), (self._folder / "commands").open("a") as commands:  # an exception matters more
            commands.write(f"{command_line(command.argv, self._root)}  # {end}\n")
