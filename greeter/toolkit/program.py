"""Start an external program that cannot outlive its job."""

import os
import selectors
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from errno import EAGAIN
from pathlib import Path
from typing import IO, Literal

from greeter.toolkit.process_guard import NO_PROCESS_SIGNAL
from greeter.toolkit.process_trees import kill_trees
from greeter.toolkit.threads import thread_variables

_PROCESS_GUARD = Path(__file__).with_name("process_guard.py")
_TIME_TO_END = 3  # seconds: 1 that the guard gives the program after TERM, and 2 for the guard itself
_CHUNK = 65_536  # bytes


def find_program(name: str | Path) -> str:
    """Return the path of a program, given a path or a name on PATH. Raises FileNotFoundError if there is none."""
    if path := shutil.which(name):
        return str(path)
    raise FileNotFoundError(f"There is no program {str(name)!r} on this machine. Install it.")


def environment(home: Path, cores: int) -> dict[str, str]:
    """Return the environment of a program: only PATH is inherited from the worker.

    Args:
        home: The value of HOME, and of TMPDIR, so that a program that is killed leaves nothing elsewhere.
        cores: How many threads it may use, for the libraries that read this from the environment.
    """
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C.UTF-8"}
    return variables | thread_variables(cores)


Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A program to run; `Job.run` documents most of it."""

    argv: Sequence[str]  # the program and its arguments
    folder: Path
    env: Mapping[str, str]
    limits: tuple[int, int]  # the maximum address space, and the maximum size of a file, in bytes
    stdout: IO[bytes] | None  # the file for its standard output, or None
    on_line: Callable[[str], object] | None  # called with each line of `lines`, or None
    lines: Stream  # the stream that `on_line` gets
    show_errors: bool  # whether the user may see its error output


class Program:
    """A program that runs under the process guard."""

    def __init__(self, path: str, command: Command) -> None:
        """Start a command whose program is at `path`."""
        is_read = command.on_line and command.lines == "stdout"
        self.thread = threading.current_thread()  # which has started it
        self._guard = subprocess.Popen(  # no shell, and the tool names the program  # nosec B603
            [sys.executable, "-I", str(_PROCESS_GUARD), *map(str, command.limits), path, *command.argv[1:]],
            bufsize=0,
            stdin=subprocess.PIPE,  # closes when this process ends, and the guard then stops the program
            stdout=subprocess.PIPE if is_read else command.stdout or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=command.folder,
            env=command.env,
            start_new_session=True,
        )

    def output(self) -> Iterator[tuple[Stream, bytes]]:
        """Yield what the program writes, as it comes, until it ends.

        Yields:
            The stream and the bytes.
        """
        with selectors.DefaultSelector() as selector:
            for stream, pipe in (("stdout", self._guard.stdout), ("stderr", self._guard.stderr)):
                if pipe:
                    selector.register(pipe, selectors.EVENT_READ, stream)
            has_ended = False
            while selector.get_map():
                ready = selector.select(0 if has_ended else _TIME_TO_END)
                for key, _ in ready:
                    if data := os.read(key.fd, _CHUNK):
                        yield key.data, data
                    else:
                        selector.unregister(key.fileobj)
                if not ready and has_ended:
                    return  # the guard was killed, and a process that escaped keeps the pipe open
                # It may have ended since the selection, if this process was suspended, so look for its last output.
                has_ended = has_ended or (not ready and self._guard.poll() is not None)

    def wait(self) -> int:
        """Wait for the end, and return the exit status. If a signal ended the program, 128 plus its number.

        Raises ChildProcessError if the tool has ignored SIGCHLD or waited for all its children, so that the status is
        lost. Popen.wait would return 0. Raises BlockingIOError if the system refused to start the program.
        """
        if self._guard.returncode is None:
            os.waitid(os.P_PID, self._guard.pid, os.WEXITED | os.WNOWAIT)
        status = self._guard.wait()
        if status == -NO_PROCESS_SIGNAL:
            raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
        return status if status >= 0 else 128 - status  # negative if the guard itself was killed

    def stop(self) -> None:
        """Let the guard kill the program."""
        if self._guard.stdin:
            self._guard.stdin.close()

    def close(self) -> None:
        """Stop the program, and kill it if the guard does not, for example because it is suspended."""
        self.stop()
        try:
            self._guard.wait(_TIME_TO_END)
        except subprocess.TimeoutExpired:
            kill_trees(self._guard.pid)
            self._guard.wait()
        for pipe in (self._guard.stdout, self._guard.stderr):
            if pipe:
                pipe.close()
