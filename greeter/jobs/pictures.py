"""Pictures of the PDF files of a job, which its page shows: `pictures/<name>/first-of-<pages>.png` in an attempt."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from greeter.jobs.files import listed_outputs
from greeter.jobs.media_types import PDF, media_type
from greeter.toolkit.program import environment

log = logging.getLogger(__name__)

_RENDERER = Path(__file__).with_name("pdf_renderer.py")
_MOST = 10  # files, as many as a page shows by itself
_SECONDS = 10  # for all of them
_NAME = re.compile(r"first-of-(\d{1,9})\.png")


class Picture(NamedTuple):
    """A picture of the first page of a PDF file, and the number of its pages."""

    path: Path
    pages: int


def draw_pictures(folder: Path, seconds: float) -> None:
    """Draw the first page of each PDF file of an attempt, without ever failing: a file may be damaged or hostile.

    Args:
        folder: The folder of the attempt.
        seconds: How long this may take at most.
    """
    end = time.monotonic() + min(seconds, _SECONDS)
    pdfs = [path for path in listed_outputs(folder) if media_type(path.name) == PDF]
    for pdf in pdfs[:_MOST]:
        target = folder / "pictures" / pdf.name
        try:
            target.mkdir(parents=True)
            subprocess.run(  # no shell, and the path is an argument of our own program  # nosec B603
                [sys.executable, "-I", str(_RENDERER), str(pdf), str(target)],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment(folder, cores=1),
                timeout=max(end - time.monotonic(), 0),
            )
        except (OSError, MemoryError, subprocess.SubprocessError) as error:
            log.warning("there is no picture of a PDF file: %s", error)
            shutil.rmtree(target, ignore_errors=True)


def find_picture(pdf: Path) -> Picture | None:
    """Return the picture of a PDF file among the result files of an attempt, or None if there is none."""
    for path in (pdf.parents[1] / "pictures" / pdf.name).glob("*"):
        if (found := _NAME.fullmatch(path.name)) and path.is_file() and not path.is_symlink():
            return Picture(path, int(found[1]))
    return None
