"""Tests of sending result files and showing them on the page of a job."""

import io
import json
import os
import re
import tracemalloc
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

from greeter.jobs.result_files import ResultFile
from greeter.web.downloads import zip_stream
from tests.conftest import Installation
from tests.http import fetch, submit, wait_for_end
from tests.zoo.publishing import FIGURE


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
    """As text of any type is."""
    answer = fetch(installation, f"{job}/files/hits.tsv", **{"Accept-Encoding": "br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert len(answer.raw) < 2000


@pytest.mark.slow
def test_only_images_and_pdf_are_shown_by_the_browser(installation: Installation, job: str) -> None:
    """An SVG image has a policy that runs no script; everything else is downloaded even if it is to be shown."""
    for name in ("figure.svg", "figure.png", "report.pdf"):
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
        assert fetch(installation, f"{path}/files.zip").headers.get_filename() == f"{reference}.zip"


@pytest.mark.slow
def test_all_files_can_be_downloaded_as_one_archive(installation: Installation, job: str) -> None:
    """It has the listed files, unchanged, in a folder with the label of the job."""
    answer = fetch(installation, f"{job}/files.zip")
    assert answer.headers["Content-Type"] == "application/zip"
    assert disposition(answer.headers) == ("attachment", "Meine_Gene_1.zip")
    outputs = installation.settings.data_dir / job[1:] / "attempts/1/outputs"
    listed = {path.name: path.read_bytes() for path in outputs.iterdir() if not path.name.startswith("_")}
    with ZipFile(io.BytesIO(answer.raw)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(f"Meine_Gene_1/{name}") for name in listed} == listed
        assert len(archive.namelist()) == len(listed) == 10
    empty = submit(installation, "expensive_greet", person="Ada", total="1")
    assert "files.zip" not in wait_for_end(installation, empty)
    assert fetch(installation, f"{empty}/files.zip").status == 404


@pytest.mark.slow
def test_the_page_lists_files_with_their_sentences(installation: Installation, job: str) -> None:
    """The sentences are escaped."""
    page = fetch(installation, job).body
    listed = re.findall(rf'<li><a href="{job}/files/([^"]+)">\1</a> \(.*?\)(?:: (.*))?</li>', page)
    assert dict(listed) == {
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
    assert f'<a href="{job}/files.zip">All files</a>' in page
    assert f'<a href="{job}/files/report.pdf?inline=1">open it</a>' in page


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
    files = [ResultFile(tmp_path / name) for name in ("large.bin", "large.txt")]
    tracemalloc.start()
    try:
        total = sum(len(part) for part in zip_stream(files, "all"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 9_000_000
    assert peak < 3_000_000
