"""Pictures of the PDF files of a job, which its page shows: `pictures/<name>/first-of-<pages>.png` in an attempt."""

import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL
from typing import NamedTuple

from greeter.jobs.files.contents import listed_outputs
from greeter.jobs.files.media_types import PDF, media_type
from greeter.jobs.files.trees import remove
from greeter.toolkit.program import environment

log = logging.getLogger(__name__)

_RENDERER = Path(__file__).with_name("pdf_renderer.py")
_MOST = 10  # files, as many as a page shows automatically
_SECONDS = 10  # for all of them
_POLL = 0.02  # seconds
_NAME = re.compile(r"first-of-(\d{1,9})\.png")


class Picture(NamedTuple):
    """A picture of the first page of a PDF file, and the number of its pages."""

    path: Path
    pages: int


def draw_pictures(folder: Path, is_due: Callable[[], bool]) -> None:
    """Draw the first page of each PDF file of an attempt, until the job is due to end.

    This never fails, although a file may be damaged or hostile.
    """
    end = time.monotonic() + _SECONDS
    pdfs = [path for path in listed_outputs(folder) if media_type(path.name) == PDF]
    for pdf in pdfs[:_MOST]:
        target = folder / "pictures" / pdf.name
        if _is_linked(target):
            continue
        try:
            target.mkdir(parents=True)
            status = _run([sys.executable, "-I", str(_RENDERER), str(pdf), str(target)], folder, end, is_due)
        except (OSError, MemoryError) as error:
            status = error
        if status != 0:
            log.warning("a PDF file of the job has no picture: %s", status or "no time is left")
            remove(target)


def _run(command: list[str], folder: Path, end: float, is_due: Callable[[], bool]) -> object:
    """Run the renderer until it ends or has to, and return its exit status, or None if it had to."""
    process = subprocess.Popen(  # our own program  # nosec B603
        command, env=environment(folder, cores=1), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        while process.poll() is None and time.monotonic() < end and not is_due():
            time.sleep(_POLL)
        return process.poll()
    finally:
        process.kill()
        process.wait()


def _is_linked(target: Path) -> bool:
    """Return whether pictures would be elsewhere: a tool may link to those of another job."""
    return target.parent.is_symlink() or target.is_symlink()


def find_picture(pdf: Path) -> Picture | None:
    """Return the picture of a PDF file among the result files of an attempt, or None if there is none."""
    folder = pdf.parents[1] / "pictures" / pdf.name
    for path in () if _is_linked(folder) else folder.glob("*"):
        if (found := _NAME.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
            return Picture(path, int(found[1]))
    return None
