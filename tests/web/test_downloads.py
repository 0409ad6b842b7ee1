"""Tests of sending result files and showing them on the page of a job."""

import json
import os
import re
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path

import pytest
from flask import Flask, render_template, render_template_string

from greeter.jobs.files.result_files import ResultFile
from greeter.web.results.downloads import Entry, zip_stream
from greeter.web.results.previews import Previews
from tests.conftest import ROOT, Installation
from tests.http import fetch, submit, wait_for_end
from tests.zoo.publishing import FIGURE, ROWS


def disposition(headers: Message) -> tuple[str, str | None]:
    """Return whether a response is shown or saved, and the name of the file."""
    return str(headers["Content-Disposition"]).partition(";")[0], headers.get_filename()


@pytest.fixture(scope="module")
def job(installation: Installation) -> str:
    """The path of a finished job with files of every kind."""
    path = submit(installation, "publish", label="Meine Gène: <1>")
    wait_for_end(installation, path)
    return path


@pytest.mark.slow
def test_files_are_sent_with_their_media_type_and_the_label_of_the_job(installation: Installation, job: str) -> None:
    """All are downloads, and none can run at the address of the site."""
    for name, media_type in {
        "hits.tsv": "text/tab-separated-values; charset=utf-8",
        "tree.nwk": "text/x-nh; charset=utf-8",
        "notes.txt": "text/plain; charset=utf-8",
        "report.html": "text/plain; charset=utf-8",
        "report.js": "text/plain; charset=utf-8",
        "reads.fq.gz": "application/gzip",
        "figure.svg": "image/svg+xml; charset=utf-8",
        "figure.png": "image/png",
        "report.pdf": "application/pdf",
    }.items():
        answer = fetch(installation, f"{job}/files/{name}")
        assert answer.headers["Content-Type"] == media_type
        assert disposition(answer.headers) == ("attachment", f"Meine_Gene_1-{name}")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Content-Encoding" not in answer.headers
    for name in ("_index", "_noise.txt"):
        assert fetch(installation, f"{job}/files/{name}").status == 404


@pytest.mark.slow
def test_tables_and_texts_are_compressed_on_the_way(installation: Installation, job: str) -> None:
    """As text of any type is, unless it is short."""
    for name, coding in (("notes.txt", "br"), ("hits.tsv", None)):
        answer = fetch(installation, f"{job}/files/{name}", **{"Accept-Encoding": "br"})
        assert answer.headers["Content-Encoding"] == coding
        assert len(answer.raw) < 4096


@pytest.mark.slow
def test_only_images_and_pdf_are_shown_by_the_browser(installation: Installation, job: str) -> None:
    """An SVG image has a policy that runs no script; everything else is downloaded even if it is to be shown."""
    for name in ("figure.svg", "figure.png", "report.pdf", "broken.pdf"):
        answer = fetch(installation, f"{job}/files/{name}?inline=1")
        assert disposition(answer.headers) == ("inline", f"Meine_Gene_1-{name}")
        assert len(answer.headers.get_all("Content-Security-Policy", [])) == 1
    svg = fetch(installation, f"{job}/files/figure.svg?inline=1")
    assert svg.body == FIGURE
    assert "script-src" not in svg.headers["Content-Security-Policy"]
    assert svg.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert svg.headers["Content-Security-Policy"].endswith("; sandbox")
    for name in ("report.html", "report.js", "hits.tsv"):
        answer = fetch(installation, f"{job}/files/{name}?inline=1")
        assert disposition(answer.headers)[0] == "attachment"


@pytest.mark.slow
def test_a_job_without_a_label_has_its_short_id_in_the_names(installation: Installation) -> None:
    """The short id is not enough to open the page of the job. A label without letters counts as none."""
    for label in ("", "../..", "日本"):
        path = submit(installation, "publish", label=label)
        wait_for_end(installation, path)
        reference = path.removeprefix("/jobs/")[:8]
        assert fetch(installation, f"{path}/files/hits.tsv").headers.get_filename() == f"{reference}-hits.tsv"
        assert fetch(installation, f"{path}/job.zip").headers.get_filename() == f"{reference}.zip"


@pytest.mark.slow
def test_the_page_lists_files_with_their_sentences_and_shows_them(installation: Installation, job: str) -> None:
    """A tool without a template of its own gets its images, tables and texts shown, with everything escaped."""
    page = fetch(installation, job).body
    listed = re.findall(
        rf'<li><a href="{job}/files/([^"]+)">\1</a> <small>.*?</small>(?: <span>(.*)</span>)?</li>', page
    )
    assert re.search(r">hits\.tsv</a> <small>TSV, [\d.]+ kB</small>", page)
    assert dict(listed) == {
        "broken.pdf": "",
        "figure.png": "",
        "figure.svg": "",
        "hits.tsv": "One line per &lt;hit&gt;.",
        "notes.txt": "What was done.",
        "pairs.csv": "",
        "reads.fq.gz": "",
        "report.html": "",
        "report.js": "",
        "report.pdf": "",
        "tree.nwk": "The tree, written by a program.",
    }
    assert f'<a href="{job}/job.zip">All files</a>' in page
    assert f'<img src="{job}/files/figure.svg?inline=1" alt="figure.svg">' in page
    assert f'<a href="{job}/files/report.pdf?inline=1">view it</a>' in page
    assert f'<a href="{job}/files/broken.pdf?inline=1">view it</a>' in page
    assert "<td>&lt;b&gt;99&lt;/b&gt;</td>" in page
    assert "<td>one, and\na line</td>" in page
    assert "&lt;i&gt;step&lt;/i&gt; 20\n</pre>" in page
    assert "(a,b);" in page
    assert "run()" not in page.replace("&lt;script&gt;run()&lt;/script&gt;", "").replace(">run()</pre>", "")


@pytest.mark.slow
def test_the_page_shows_the_first_page_of_a_pdf(installation: Installation, job: str) -> None:
    """The picture is not a result file, so it is in no list and no archive. A broken file has only its link."""
    page = fetch(installation, job).body
    image = f'<img src="{job}/files/report.pdf?picture=1" alt="report.pdf">'
    assert f'<a href="{job}/files/report.pdf?inline=1">{image}</a>' in page
    assert "This is the first of 2 pages." in page
    assert "broken.pdf?picture" not in page
    picture = fetch(installation, f"{job}/files/report.pdf?picture=1")
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.raw.startswith(b"\x89PNG")
    assert fetch(installation, f"{job}/files/broken.pdf?picture=1").status == 404
    assert fetch(installation, f"{job}/files/hits.tsv?picture=1").status == 404
    assert b"first-of" not in fetch(installation, f"{job}/job.zip").raw


@pytest.mark.slow
def test_a_table_is_shown_a_hundred_rows_at_a_time(installation: Installation, job: str) -> None:
    """Each page links to the next one; positions that are not the start of a row are 404, and other tables stay."""
    shown: list[str] = []
    path = job
    while True:
        page = fetch(installation, path).body
        shown += re.findall(r"<td[^>]*>&lt;b&gt;(\d+)&lt;/b&gt;</td>", page)
        assert "<td>two</td>" in page
        found = re.search(r'hx-get="([^"]*start-hits\.tsv=\d+)"', page)
        if not found:
            break
        path = found[1]
    assert shown == [str(number) for number in range(ROWS)]
    assert fetch(installation, f"{job}?start-hits.tsv=3").status == 404
    assert fetch(installation, f"{job}?start-hits.tsv=x&start-none.tsv=3").status == 200


@pytest.mark.slow
def test_scripts_get_the_size_media_type_and_sentence_of_each_file(installation: Installation, job: str) -> None:
    """They are in a key of their own, so that the URLs in `files` stay what they were."""
    status = json.loads(fetch(installation, f"{job}.json").body)
    site = f"http://127.0.0.1:{installation.settings.web_port}"
    assert f"{site}{job}/files/hits.tsv" in status["files"]
    assert [file["url"] for file in status["downloads"]] == status["files"]
    outputs = installation.settings.data_dir / job[1:] / "attempts/1/outputs"
    assert {
        "name": "hits.tsv",
        "url": f"{site}{job}/files/hits.tsv",
        "about": "One line per <hit>.",
        "bytes": (outputs / "hits.tsv").stat().st_size,
        "media_type": "text/tab-separated-values",
    } in status["downloads"]


def test_an_archive_is_made_without_holding_it_in_memory(tmp_path: Path) -> None:
    """A result may be larger than the memory of the web."""
    content = os.urandom(1_000_000) * 8
    for name in ("large.bin", "large.txt"):
        (tmp_path / name).write_bytes(content)

    def entries() -> Iterator[Entry]:
        for name in ("large.bin", "large.txt"):
            with (tmp_path / name).open("rb") as file:
                yield Entry(name, "text/plain", file)

    tracemalloc.start()
    try:
        total = sum(len(part) for part in zip_stream(entries(), datetime.now(UTC)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 9_000_000
    assert peak < 3_000_000


def test_helpers_show_nothing_for_a_file_that_does_not_exist(app: Flask) -> None:
    """A tool that was stopped may not have written it."""
    previews = Previews("a" * 32, [])
    with app.test_request_context("/"):
        assert not previews.table("hits.tsv")
        assert not previews.preview("notes.txt")
        assert not previews.image("figure.svg")


def test_a_preview_is_escaped_and_bounded(app: Flask, tmp_path: Path) -> None:
    """It has the first lines, and not more than 16 KiB of a file without lines."""
    for name, text in {
        "few.txt": "<b>\n" * 3,
        "many.txt": "line\n" * 50,
        "long.txt": "x" * 10_000_000,
        "binary.txt": "\x00\x1b[31m",
    }.items():
        (tmp_path / name).write_text(text)
    previews = Previews("a" * 32, [ResultFile(path) for path in tmp_path.iterdir()])
    with app.test_request_context("/"):
        assert "&lt;b&gt;\n" * 3 + "</pre>" in previews.preview("few.txt")
        assert "Only the start" not in previews.preview("few.txt")
        assert previews.preview("many.txt", lines=7).count("line\n") == 7
        assert "Only the start" in previews.preview("many.txt")
        assert 16_000 < len(previews.preview("long.txt")) < 17_000
        assert "Only the start" in previews.preview("long.txt")
        assert "\x1b" not in previews.preview("binary.txt")


def test_an_image_has_an_alternative_text(app: Flask, tmp_path: Path) -> None:
    """It is what the template says, or the sentence about the file, or its name."""
    files = [ResultFile(tmp_path / "a.svg", 'A "tree".'), ResultFile(tmp_path / "b.png")]
    previews = Previews("a" * 32, files)
    with app.test_request_context("/"):
        assert 'alt="A &#34;tree&#34;."' in previews.image("a.svg")
        assert 'alt="b.png"' in previews.image("b.png")
        assert 'alt="Growth"' in previews.image("b.png", alt="Growth")


def test_the_template_in_the_docs_works(app: Flask, tmp_path: Path) -> None:
    """It shows what the tool returned, and three files."""
    text = (ROOT / "docs/developing.md").read_text()
    (template,) = re.findall(r"^```html\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "tree.svg").write_text(FIGURE)
    (tmp_path / "hits.tsv").write_text("name\nalpha\n")
    (tmp_path / "notes.txt").write_text("a note\n" * 50)
    previews = Previews("a" * 32, [ResultFile(path) for path in tmp_path.iterdir()])
    helpers = {"image": previews.image, "table": previews.table, "preview": previews.preview}
    with app.test_request_context("/"):
        shown = render_template_string(template, record={"result": {"hits": 7}}, **helpers)
    assert "<p>7 hits.</p>" in shown
    assert 'alt="The tree of all sequences"' in shown
    assert "<td>alpha</td>" in shown
    assert shown.count("a note") == 10


def test_the_first_ten_files_are_shown(app: Flask, tmp_path: Path) -> None:
    """A page stays small even if a tool writes hundreds of files. Those that cannot be shown do not count."""
    for number in range(12):
        (tmp_path / f"{number:02}.txt").write_text(f"text {number}")
        (tmp_path / f"{number:02}.bin").write_text("binary")
    files = [ResultFile(path) for path in sorted(tmp_path.iterdir())]
    previews = Previews("a" * 32, files)
    helpers = {"image": previews.image, "table": previews.table, "preview": previews.preview}
    with app.test_request_context("/"):
        shown = render_template("_result.html", record={"result": {}}, files=files, **helpers)
    assert re.findall(r"text \d+", shown) == [f"text {number}" for number in range(10)]
    assert shown.count("Only the first 10 files are shown.") == 1
    assert "binary" not in shown
