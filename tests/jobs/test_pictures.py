"""Tests of the pictures of PDF files, drawn by the real PDFium."""

import os
import struct
import zlib
from pathlib import Path

import psutil
import pytest

from greeter.jobs.files import pictures
from greeter.jobs.files.pictures import draw_pictures, find_picture
from tests.conftest import PATIENCE
from tests.zoo.publishing import pdf

RED = "1 0 0 rg 0 0 3000000 3000000 re f"
LOOP = b"".join(  # each form draws the next one ten times: 10^12 rectangles
    b"%d 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</F %d 0 R>>>>/Length %d>>stream\n%s\n"
    b"endstream endobj\n" % (number, number + 1, len(draws), draws)
    for number in range(10, 22)
    for draws in [b"/F Do " * 10 if number < 21 else b"0 0 9 9 re f"]
)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the drawing much time, except where a test shows what happens without."""
    monkeypatch.setattr(pictures, "_SECONDS", PATIENCE)


def attempt(tmp_path: Path, **files: bytes) -> Path:
    """Return the folder of an attempt with result files; _ stands for the dot in their names."""
    (tmp_path / "outputs").mkdir()
    for name, content in files.items():
        (tmp_path / "outputs" / name.replace("_", ".")).write_bytes(content)
    return tmp_path


def decode(path: Path) -> tuple[int, int, bytes]:
    """Return the width and height of a PNG image of one chunk of data, and the last pixel."""
    data = path.read_bytes()
    width, height, bits, kind = struct.unpack(">2I2B", data[16:26])
    (size,) = struct.unpack(">I", data[33:37])
    pixels = zlib.decompress(data[41 : 41 + size])
    assert (data[:8], bits, kind, len(pixels)) == (b"\x89PNG\r\n\x1a\n", 8, 2, height * (1 + 3 * width))
    return width, height, pixels[-3:]


@pytest.mark.parametrize(
    ("box", "size"),
    [((99, 49), (198, 98)), ((595, 842), (1190, 1684)), ((14_000, 7_000), (1700, 850)), ((2_000_000, 1), (1700, 1))],
    ids=["small", "A4", "poster", "line"],
)
def test_the_first_page_is_drawn_in_a_bounded_size(tmp_path: Path, box: tuple[int, int], size: tuple[int, int]) -> None:
    """It has two pixels in a point, unless it would be larger than that of A4."""
    folder = attempt(tmp_path, plot_pdf=pdf([RED, "", ""], box), other_PDF=pdf([""]), notes_txt=b"")
    draw_pictures(folder, lambda: False)
    picture = find_picture(folder / "outputs/plot.pdf")
    assert picture
    assert picture.pages == 3
    assert decode(picture.path) == (*size, b"\xff\0\0")
    other = find_picture(folder / "outputs/other.PDF")
    assert other
    assert other.pages == 1
    assert find_picture(folder / "outputs/notes.txt") is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 999, id="zeros"),
        pytest.param(b"%PDF-1.4\ntrailer<</Root 1 0 R>>", id="no root"),
        pytest.param(pdf([]), id="no page"),
        pytest.param(pdf([RED])[:60], id="cut off"),
    ],
)
def test_a_file_that_cannot_be_drawn_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    """No picture, no process and no exception, and the others are drawn."""
    folder = attempt(tmp_path, a_pdf=pdf([RED]), z_pdf=content)
    before = psutil.Process().children()
    draw_pictures(folder, lambda: False)
    assert find_picture(folder / "outputs/z.pdf") is None
    assert [path.name for path in (folder / "pictures").iterdir()] == ["a.pdf"]
    assert psutil.Process().children() == before


@pytest.mark.slow
def test_a_file_that_takes_too_long_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture, no process and no exception."""
    monkeypatch.setattr(pictures, "_SECONDS", 2)
    folder = attempt(tmp_path, a_pdf=pdf(["/F Do"], more=LOOP))
    before = psutil.Process().children()
    draw_pictures(folder, lambda: False)
    assert list((folder / "pictures").iterdir()) == []
    assert psutil.Process().children() == before


def test_files_that_a_tool_puts_in_the_way_change_nothing(tmp_path: Path) -> None:
    """Links are not followed, neither to a PDF file nor to a picture."""
    folder = attempt(tmp_path, a_pdf=pdf([RED]))
    (folder / "outputs/b.pdf").symlink_to("a.pdf")
    (folder / "pictures/a.pdf").mkdir(parents=True)
    (folder / "pictures/a.pdf/first-of-1.png").symlink_to("/etc/passwd")
    draw_pictures(folder, lambda: False)
    assert find_picture(folder / "outputs/a.pdf") is None
    assert find_picture(folder / "outputs/b.pdf") is None


def test_a_pipe_in_the_place_of_a_picture_is_not_opened(tmp_path: Path) -> None:
    """Whoever opened it would wait forever, even to remove it as a folder."""
    folder = attempt(tmp_path, a_pdf=pdf([RED]))
    (folder / "pictures").mkdir()
    os.mkfifo(folder / "pictures/a.pdf")
    draw_pictures(folder, lambda: False)
    assert list((folder / "pictures").iterdir()) == []


@pytest.mark.parametrize("linked", ["pictures", "pictures/a.pdf"])
def test_pictures_are_neither_read_nor_removed_elsewhere(tmp_path: Path, linked: str) -> None:
    """A tool may link to those of another job."""
    folder, other = tmp_path / "1", tmp_path / "2"
    for path in (folder, other):
        path.mkdir()
        attempt(path, a_pdf=pdf([RED]))
    draw_pictures(other, lambda: False)
    (folder / linked).parent.mkdir(exist_ok=True)
    (folder / linked).symlink_to(other / linked)
    draw_pictures(folder, lambda: False)
    assert find_picture(folder / "outputs/a.pdf") is None
    assert find_picture(other / "outputs/a.pdf")


def test_a_job_that_has_to_end_waits_for_no_picture(tmp_path: Path) -> None:
    """It has reached its time limit, or was cancelled, while a page is drawn that would take longer than any limit."""
    folder = attempt(tmp_path, a_pdf=pdf(["/F Do"], more=LOOP), b_pdf=pdf([RED]))
    answers = iter([False, True])
    draw_pictures(folder, lambda: next(answers, True))
    assert list((folder / "pictures").iterdir()) == []
    assert next(answers, None) is None
