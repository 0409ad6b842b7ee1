"""The log of a job: the messages of its tool, and the error output of its programs."""

import re
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from shlex import quote
from threading import Lock
from typing import NamedTuple

_MOST_LINES = 20
_MOST_CHARACTERS = 2000
_LONGEST_LINE = 1000  # characters
_LINE_ENDS = re.compile(r"([\r\n]+)")
# The escape codes of a terminal, such as for a colour or a title, and other control characters but the tab.
_INVISIBLE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]?|[\x00-\x08\x0a-\x1f\x7f-\x9f]"
)
# An absolute path up to its last slash. What precedes it must not be part of a relative path or of a URL.
_FOLDERS = re.compile(r"(?<![\w/:.~-])/(?:[^\s/'\"]+/)+")


class Line(NamedTuple):
    """A line of a program's output, without its end."""

    text: str  # the line, shortened to 1,000 characters
    is_transient: bool = False  # whether it ended in a carriage return, so that the next line replaces it on a terminal


def visible(text: str) -> str:
    """Remove the escape codes of a terminal, and other control characters but tabs, from a line."""
    return _INVISIBLE.sub("", text)


class LineReader:
    """Splits the output of a program into lines, and leaves out empty ones.

    The lines of a progress bar, which end in a carriage return, are lines like any other.
    """

    def __init__(self) -> None:
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def read(self, data: bytes) -> Iterator[Line]:
        """Yield the lines that end in these bytes. Those after the last line end are kept for the next call."""
        *lines, self._rest = _LINE_ENDS.split(self._rest + self._decoder.decode(data))
        self._rest = self._rest[:_LONGEST_LINE]
        for text, end in zip(lines[::2], lines[1::2], strict=True):
            if (shown := visible(text)).strip():
                yield Line(shown[:_LONGEST_LINE], "\n" not in end)


class LastLines:
    """The last lines of a log. Threads may add to it at the same time."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=_MOST_LINES)
        self._lock = Lock()

    def add(self, line: Line) -> None:
        """Add a line, which replaces the last one if that is transient."""
        with self._lock:
            if self._lines and self._lines[-1].is_transient:
                self._lines.pop()
            self._lines.append(line)

    @property
    def text(self) -> str:
        """At most 20 lines and 2,000 characters: the end of the log."""
        with self._lock:
            return "\n".join(line.text for line in self._lines)[-_MOST_CHARACTERS:]


def without_folders(text: str, root: Path) -> str:
    """Shorten absolute paths to file names, as `/srv/jobs/1/inputs/query` to `query`, in a text for the user.

    The path of the job, `root`, may contain spaces.
    """
    return _FOLDERS.sub("", re.sub(rf"{re.escape(str(root))}(?:/[^\s/'\"]+)*/", "", text))


def command_line(words: Iterable[str], root: Path) -> str:
    """Return a command as its user sees it: quoted as for a shell, shortened, without the folders of the server."""
    return " ".join(quote(without_folders(word, root)) for word in words)[:_LONGEST_LINE]
