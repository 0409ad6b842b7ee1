"""Tests of the job page and its fragment over HTTP, with a real Redis, worker and gunicorn."""

import json
import re
import shutil
import signal
import socket
import time
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from html import unescape
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from markupsafe import escape

from greeter import __version__, create_app
from greeter.jobs.records import scripts
from greeter.settings import Settings
from tests.conftest import PATIENCE, Installation, wait_for
from tests.http import Response, fetch, go_on, post, submit, wait_for_end
from tests.web.test_template_filters import CONTROL, TURNING

pytestmark = pytest.mark.slow


def test_greeting_runs_from_form_to_result(installation: Installation) -> None:
    """Page and fragment show the same result."""
    job = submit(installation, "expensive_greet", person="<Ada>", total="1")
    assert re.fullmatch("/jobs/[0-9a-f]{32}", job)
    assert "Greetings, &lt;Ada&gt;!" in wait_for_end(installation, job)
    assert "Greetings, &lt;Ada&gt;!" in fetch(installation, job).body


def test_the_page_of_a_job_is_updated_until_its_end(installation: Installation) -> None:
    """Page and fragment show the same state, and the fragment of an ended job stops polling."""
    job = submit(installation, "rest")
    page = fetch(installation, job).body
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert f'hx-get="{job}/progress" hx-trigger="every 1s"' in page
    running = wait_for(lambda: "1 of 2 steps" in (body := fetch(installation, job + "/progress").body) and body)
    assert 'hx-trigger="every 1s"' in running
    assert "<html" not in running
    assert "1 of 2 steps" in fetch(installation, job).body
    go_on(installation, job)
    assert "Finished" in wait_for_end(installation, job)
    page = fetch(installation, job).body
    assert "Finished" in page
    assert "http-equiv" not in page
    assert "hx-trigger" not in page


def test_polling_an_unchanged_job_returns_304(installation: Installation) -> None:
    """A poll with the current tag gets 304 without a body, and the full fragment after a change."""
    job = submit(installation, "rest")
    wait_for(lambda: "1 of 2 steps" in fetch(installation, job + "/progress").body)
    installation.redis.hincrbyfloat(job.replace("/jobs/", "job:"), "started", -3610)  # its page counts minutes

    def poll(tag: str) -> Response:
        return fetch(installation, job + "/progress", **{"HX-PTag": tag})

    def unchanged() -> str | None:
        tag = str(poll("").headers["HX-PTag"])  # perhaps of a reading that another process has just replaced
        answer = poll(tag)
        return tag if (answer.status, answer.body) == (304, "") else None

    tag = wait_for(unchanged)
    go_on(installation, job)
    wait_for_end(installation, job)
    # A page polls each second, so the readings that are shared for less than that are new to it.
    changed = wait_for(lambda: (answer := poll(tag)).status == 200 and "Running" not in answer.body and answer)
    assert "Finished" in changed.body


def test_phmmer_runs_from_upload_to_hits_and_downloads(installation: Installation) -> None:
    """An uploaded query and pasted targets give a table of hits and both downloads."""
    parts = {
        'name="query"; filename="q.fa"': ">q one\nVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF",
        'name="targets"': ">t the target\nVHLTGEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF",
        'name="evalue"': "1e-3",
    }
    body = "".join(f"--cut\r\nContent-Disposition: form-data; {name}\r\n\r\n{text}\r\n" for name, text in parts.items())
    multipart = {"Content-Type": "multipart/form-data; boundary=cut"}
    job = str(fetch(installation, "/tools/phmmer", "POST", body + "--cut--\r\n", **multipart).headers["Location"])
    ended = wait_for_end(installation, job)
    row = r'<span class="name">t</span></th>\s*<td>the target .*<td class="number" data[^>]*>[\d.]+e-\d+</td>'
    assert re.search(row, ended, re.DOTALL)
    for name in ("targets.tbl", "domains.tbl"):
        assert f'href="{job}/files/{name}"' in ended
        download = fetch(installation, f"{job}/files/{name}")
        short_id = job.removeprefix("/jobs/")[:8]
        assert download.headers["Content-Disposition"] == f"attachment; filename={short_id}-{name}"
        assert download.headers["Content-Type"].startswith("text/plain")
        assert "the target" in download.body
    for name in ("query", "..%2Finputs%2Fquery", "none.tbl"):
        assert fetch(installation, f"{job}/files/{name}").status == 404


@pytest.mark.parametrize(
    ("tool", "texts"),
    [
        ("yield_some", ["Stopped at the time limit", "of 100 sheep", "This result is partial", "counted"]),
        ("blame", ["Failed", "There is no gene in this sequence. Try another one."]),
        ("stumble", ["Failed", "Something went wrong on our side", "the reference <code>{reference}</code>"]),
    ],
)
def test_every_outcome_is_explained_in_plain_words(installation: Installation, tool: str, texts: list[str]) -> None:
    """The page uses no state names of Celery, and shows no error details that are not meant for users."""
    job = submit(installation, tool)
    ended = wait_for_end(installation, job)
    for text in texts:
        assert text.format(reference=job.removeprefix("/jobs/")[:8]) in ended
    for hidden in ("SUCCESS", "FAILURE", "secret detail", "Traceback"):
        assert hidden not in ended


def test_an_unknown_job_is_a_404_that_ends_polling(installation: Installation) -> None:
    """The job page is a full 404 page, and the fragment is a 404 without a polling trigger."""
    page = fetch(installation, "/jobs/" + "0" * 32)
    assert page.status == 404
    assert "Page not found" in page.body
    fragment = fetch(installation, "/jobs/" + "0" * 32 + "/progress")
    assert fragment.status == 404
    assert "<html" not in fragment.body
    assert "hx-get" not in fragment.body
    assert "hx-trigger" not in fragment.body


def test_unknown_deleted_and_malformed_job_ids_get_identical_responses(installation: Installation) -> None:
    """Status, body and headers are the same for every route of a job."""
    job = submit(installation, "blame")
    wait_for_end(installation, job)
    assert post(installation, job + "/delete").status == 200
    time.sleep(1)  # each process of the web shares the reading of a poll for a moment
    ids = [
        "0" * 32,
        "1",
        "A" * 32,
        "0" * 31,
        "0" * 33,
        "0" * 32 + "%0A",
        "%00" * 32,
        "%2e%2e",
        "..%2f" * 6,
        "\u0660" * 32,
    ]
    ways = [("GET", end) for end in ("", "/progress", "/edit", "/delete", "/files/targets.tbl")]
    for method, end in [*ways, ("POST", "/cancel"), ("POST", "/delete"), ("POST", "/again")]:
        removed = content_of(fetch(installation, job + end, method))
        assert removed[0] == 404
        for job_id in ids:
            assert content_of(fetch(installation, f"/jobs/{quote(job_id, safe='%')}{end}", method)) == removed


def content_of(answer: Response) -> tuple[int, str, list[tuple[str, str]]]:
    """Everything that a client can compare: the status, the body, and the headers that are about the content.

    Date is about the time, and Connection is `close` when the process of the web is being replaced.
    """
    others = ("Date", "Connection")
    return answer.status, answer.body, [header for header in answer.headers.items() if header[0] not in others]


def test_only_files_listed_on_the_page_can_be_downloaded(installation: Installation) -> None:
    """Files outside the output folder and files with names that are unsafe in a header are 404."""
    job = submit(installation, "phmmer", query=">q\nVHLTPEEKSAVTALWGKVNV", evalue="10")
    wait_for_end(installation, job)
    folder = installation.settings.data_dir / job[1:]
    outputs = folder / "attempts" / "1" / "outputs"
    (outputs / "folder").mkdir()
    (outputs / "link").symlink_to("/etc/passwd")
    for name in ("a\r\nSet-Cookie: b", "<b>.txt", ".hidden"):
        (outputs / name).write_text("x")
    page = fetch(installation, job).body
    listed = sorted(set(re.findall(f'href="{job}/files/([^"]*)"', page)))
    assert listed == [
        *("aligned.fasta", "alignments.aln", "alignments.sto", "domains.tbl"),
        *("hits.fasta", "hits.tsv", "phmmer.txt", "queries.tsv", "targets.tbl"),
    ]
    for name in [
        *(path.name for path in outputs.iterdir()),
        "../inputs/query",
        "..",
        ".",
        "../../../log",
        "/etc/passwd",
    ]:
        for quoted in (quote(name, safe=""), quote(name)):
            answer = fetch(installation, f"{job}/files/{quoted}")
            assert answer.status == (200 if name in listed else 404), name


def test_a_job_without_its_folder_cannot_be_rerun(installation: Installation) -> None:
    """A job whose folder is missing, as happens briefly during removal, is 404 for rerunning but can be deleted."""
    job = submit(installation, "phmmer", query=">q\nVHLTPEEKSAVTALWGKVNV", evalue="10")
    wait_for_end(installation, job)
    shutil.rmtree(installation.settings.data_dir / job[1:])
    assert fetch(installation, job + "/edit").status == post(installation, job + "/again").status == 404
    assert post(installation, job + "/delete").status == 200


HTML = "<script>alert(1)</script>\"'><svg/onload=alert(2)>&"


def test_user_input_is_escaped_and_has_no_control_characters(installation: Installation) -> None:
    """HTML in names and labels is shown as text; bidirectional and control characters reach neither page nor record."""
    fasta = f">{HTML} about {HTML}\nVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF"
    job = submit(installation, "phmmer", query=fasta, evalue="10", label=f"{HTML}{TURNING}\r\n\0my label")
    pages = [wait_for_end(installation, job), fetch(installation, job).body, fetch(installation, job + "/edit").body]
    assert f'<span class="name">{escape(HTML)}</span>' in pages[0]
    assert f"<td>about {escape(HTML)} <a " in pages[0]
    assert f"<h1>{escape(HTML)} my label" in pages[1]
    for page in pages:
        assert "<script>alert" not in page
        assert "<svg/onload" not in page
        assert not set(page) & set(TURNING + CONTROL)
    assert installation.store.find(job.removeprefix("/jobs/")).label == f"{HTML} my label"
    refused = post(installation, "/tools/phmmer", query=f">a{TURNING} b\nMKV", evalue="10")
    assert refused.status == 422
    assert "Line 1: the header has a character that cannot be shown. Retype the header." in refused.body


def test_user_input_cannot_forge_log_lines_or_inject_html_into_flower(own_installation: Installation) -> None:
    """This also applies when a bug in a tool puts the input into an error message."""
    own_installation.start("redis", "worker", "web", "flower")
    wait_for(lambda: "worker@test" in flower(own_installation, "/workers?json=1"))
    words = f"{HTML}{TURNING}\r\n[2026-01-01 00:00:00] CRITICAL: forged\x1b[2J"
    job = submit(own_installation, "gossip", words=words, label=words)
    wait_for_end(own_installation, job)
    job_id = job.removeprefix("/jobs/")
    shown = wait_for(lambda: "ValueError" in (page := flower(own_installation, f"/task/{job_id}")) and page)
    assert own_installation.store.provenance(job_id).params == {
        "words": f"{HTML} [2026-01-01 00:00:00] CRITICAL: forged[2J"
    }
    log = own_installation.log.read_text()
    assert "CRITICAL: forged" in log
    for text in (log, shown):
        assert not set(text) & set(TURNING + CONTROL)
        assert not re.search(r"^\[2026-01-01 00", text, re.MULTILINE)
    assert "<script>alert" not in shown
    assert "<svg/onload" not in shown


def flower(installation: Installation, path: str) -> str:
    """Return a page of Flower, requested with the operator's password."""
    connection = HTTPConnection("127.0.0.1", installation.settings.flower_port, timeout=PATIENCE)
    login = b64encode(installation.settings.flower_basic_auth.encode()).decode()
    try:
        connection.request("GET", path, headers={"Authorization": f"Basic {login}"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_job_pages_stay_out_of_caches_and_indexes(installation: Installation) -> None:
    """Anyone with the address can see the job, so responses must not spread the address."""
    job = submit(installation, "blame")
    for path in (job, job + "/progress", "/jobs/" + "0" * 32):
        headers = fetch(installation, path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"] == "noindex"


def test_uploads_of_ten_megabytes_work_and_larger_ones_get_413(installation: Installation) -> None:
    """The form comes back with the other field; the page of a body that is far too large arrives, too."""
    record = b">t%d\n" + b"VHLTPEEKSAVTALWGKVNV\n" * 16
    text = b"".join(record % number for number in range(29_000))
    head = b'--cut\r\nContent-Disposition: form-data; name="%s"; filename="t.fa"\r\n\r\n'
    start = head % b"targets" + text
    query = b"\r\n" + head % b"query" + b">q\nMKVLAWTRHMKVLAWTRH\r\n"
    end = b'--cut\r\nContent-Disposition: form-data; name="evalue"\r\n\r\n10\r\n--cut--\r\n'
    multipart = {"Content-Type": "multipart/form-data; boundary=cut"}
    assert 9_900_000 < len(start) < 10_000_000
    answer = fetch(installation, "/tools/phmmer", "POST", start + query + end, **multipart)
    assert answer.status == 303, answer.body[:2000]
    assert "Finished" in wait_for_end(installation, answer.headers["Location"])
    # Browsers send edited text with CRLF line ends, which makes it longer.
    edited = (start + query + end).replace(b"SAVT", b"SA\nVT").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert len(edited) > 11_000_000
    assert fetch(installation, "/tools/phmmer", "POST", edited, **multipart).status == 303
    in_chunks = iter([start, text, query + end])
    for body in (start + text[:2_000_000] + query + end, in_chunks, start + 11 * text + query + end):
        refused = fetch(installation, "/tools/phmmer", "POST", body, **multipart)
        assert refused.status == 413
        is_shown_again = ">q\nMKVLAWTRHMKVLAWTRH" in unescape(refused.body).replace("\r", "")
        assert is_shown_again != ("submission is too large" in refused.body)
    assert not is_shown_again


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["down", "hung"])
def test_requests_get_503_only_while_redis_is_unavailable(
    own_installation: Installation, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 503 has Retry-After and the input; when Redis is back, everything works."""
    monkeypatch.delenv("_REDIS_SECONDS")
    own_installation.start("redis", "worker", "web")
    job = f"/jobs/{own_installation.submit('expensive_greet', person='Ada', total=1)}"
    wait_for_end(own_installation, job)
    own_installation.signal("redis", number)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path, method, body in (
        (job, "GET", None),
        (job + "/progress", "GET", None),
        ("/tools/expensive_greet", "POST", "person=Grace&total=1"),
    ):
        answer = fetch(own_installation, path, method, body, **form)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert 'value="Grace"' in answer.body
    assert fetch(own_installation, "/").status == 200
    if number == signal.SIGSTOP:
        own_installation.signal("redis", signal.SIGCONT)
    else:
        own_installation.start("redis")
    assert wait_for(lambda: fetch(own_installation, job).status == 200)
    again = wait_for(
        lambda: post(own_installation, "/tools/expensive_greet", person="Grace", total="1").headers["Location"]
    )
    assert "Greetings, Grace!" in wait_for_end(own_installation, again)


@pytest.mark.parametrize(
    ("path", "form", "most"),
    [
        ("/jobs/" + "0" * 32 + "/progress", None, 1),
        ("/tools/expensive_greet", {"person": "Grace", "total": "1"}, 2),
        ("/health/ready", None, 1),
    ],
)
def test_a_request_waits_for_a_redis_that_hangs_for_two_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, form: dict[str, str] | None, most: int
) -> None:
    """It asks that often, a second each. A thread that checks the folder asks too, and once more on a slow machine."""
    monkeypatch.setattr(scripts, "_PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        app = create_app(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{hanging.getsockname()[1]}/0"))
        answer = app.test_client().open(path, method="POST" if form else "GET", data=form)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        hanging.setblocking(False)
        asked = 0
        with suppress(BlockingIOError):
            while True:
                hanging.accept()[0].close()
                asked += 1
    assert 1 <= asked <= most + 2
    assert app.extensions["greeter"].jobs.store.redis.get_connection_kwargs()["socket_timeout"] == 1


def test_a_full_disk_refuses_submissions_and_keeps_the_input(own_installation: Installation) -> None:
    """The refused submission leaves no data behind, and later submissions work."""
    own_installation.start("redis", "web")
    wait_for(lambda: len(psutil.Process(own_installation.pid("web")).children()) == 2)
    for process in psutil.Process(own_installation.pid("web")).children():
        process.rlimit(psutil.RLIMIT_FSIZE, (100_000, -1))
    proteins = "".join(f">kept{number}\n{'MKVLA' * 200}\n" for number in range(120))
    refused = post(own_installation, "/tools/phmmer", query=proteins, evalue="7.5", label="mine")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "300")
    for kept in (escape(proteins), 'value="7.5"', 'value="mine"', "not enough disk space"):
        assert kept in refused.body
    assert not list((own_installation.settings.data_dir / "jobs").glob("[!.]*"))
    assert own_installation.redis.zcard("queue:celery") == 0
    assert fetch(own_installation, submit(own_installation, "phmmer", query=">a\nMKVLA", evalue="7.5")).status == 200
    for process in psutil.Process(own_installation.pid("web")).children():
        process.rlimit(psutil.RLIMIT_FSIZE, (-1, -1))  # for the data of coverage


def test_a_job_can_be_cancelled_and_then_deleted(installation: Installation) -> None:
    """Cancelling keeps the partial result, and the address of a deleted job is 404."""
    job = submit(installation, "expensive_greet", person="Ada", total="1000")
    wait_for(lambda: "Running" in fetch(installation, job).body)
    assert f'action="{job}/cancel"' in fetch(installation, job).body
    assert post(installation, job + "/delete").status == 303
    assert fetch(installation, job + "/delete").status == 303
    assert post(installation, job + "/cancel").headers["Location"] == job
    ended = wait_for_end(installation, job)
    assert "Cancelled" in ended
    assert "Greetings, fallback!" in ended
    assert "This result is partial" in ended
    assert f'action="{job}/cancel"' not in ended
    asked = fetch(installation, job + "/delete")
    assert (asked.status, "This cannot be undone" in asked.body) == (200, True)
    assert fetch(installation, job).status == 200
    deleted = post(installation, job + "/delete")
    assert (deleted.status, "The job has been deleted" in deleted.body) == (200, True)
    assert fetch(installation, job).status == 404
    assert post(installation, job + "/delete").status == 404
    assert post(installation, job + "/cancel").status == 404
    assert fetch(installation, job + "/cancel").status == 405


def test_a_job_can_be_run_again_unchanged_or_edited(installation: Installation) -> None:
    """The new job has the same input, file and label, and a second click creates no second job."""
    fasta = ">q\nVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF"
    job = submit(installation, "phmmer", query=fasta, evalue="0.5", label="my globin")
    ended = wait_for_end(installation, job)
    token = re.findall('name="token" value="([^"]+)"', ended)[0]
    first, second = (post(installation, job + "/again", token=token) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"] != job
    again = wait_for_end(installation, first.headers["Location"])
    assert "<dd>0.5</dd>" in again
    assert sha256(fasta.encode()).hexdigest() in again
    assert "my globin" in fetch(installation, first.headers["Location"]).body
    form = unescape(fetch(installation, job + "/edit").body).replace("\r", "")
    assert fasta in form
    assert 'value="0.5"' in form
    assert 'value="my globin"' in form
    assert fetch(installation, f"/jobs/{'0' * 32}/edit").status == 404


def test_submitting_the_same_form_twice_creates_one_job(installation: Installation) -> None:
    """A double click or a repeated POST returns the same job; different input with the same token creates another."""
    token = re.findall('name="token" value="([^"]+)"', fetch(installation, "/tools/expensive_greet").body)[0]
    jobs = [submit(installation, "expensive_greet", person="Ada", total="1", token=token) for _ in range(3)]
    assert len(set(jobs)) == 1
    assert submit(installation, "expensive_greet", person="Bob", total="1", token=token) not in jobs


def test_the_title_changes_only_with_the_state(installation: Installation) -> None:
    """Nothing can correct a percentage while no server answers. The fragment, from which htmx takes it, has it too."""
    job = submit(installation, "rest", label="my <job>")
    running = wait_for(lambda: "1 of 2 steps" in (body := fetch(installation, job).body) and body)
    assert "<title>Running - my &lt;job&gt; - greeter</title>" in running
    go_on(installation, job)
    for page in (wait_for_end(installation, job), fetch(installation, job).body):
        assert "<title>Finished - my &lt;job&gt; - greeter</title>" in page


def test_an_ended_job_shows_its_provenance(installation: Installation) -> None:
    """The page shows versions, parameters, times and attempts."""
    job = submit(installation, "phmmer", query=">q\nVHLTPEEKSAVTALWGKVNV", evalue="0.5")
    ended = wait_for_end(installation, job)
    for text in (
        f"greeter {__version__}",
        f"pyhmmer {version('pyhmmer')}",
        "Python 3.",
        "<dt>E-value threshold</dt>",
        "Attempts",
    ):
        assert text in ended
    assert len(re.findall(r"<time datetime=", ended)) == 3
    assert re.search(r"Kept until \d+ \w+ \d{4}\.", ended)


@pytest.mark.parametrize("tool", ["ramble", "divide", "boast"])
def test_a_tool_cannot_make_its_pages_fail(installation: Installation, tool: str) -> None:
    """While such a job runs and after its end, its pages are small, and its state for scripts is JSON."""
    job = submit(installation, tool)
    ended = False
    while not ended:
        ended = "hx-get" not in (body := fetch(installation, job + "/progress").body)
        assert len(body) < 10_000
        status = fetch(installation, job + ".json")
        assert (status.status, json.loads(status.body, parse_constant=pytest.fail)["result"]) == (200, None)
        time.sleep(0.1)
    assert "Failed" in fetch(installation, job).body


def test_a_stored_result_cannot_make_its_pages_fail(installation: Installation) -> None:
    """A result that an earlier version stored may have NaN, and bytes as kombu encodes them."""
    job = submit(installation, "expensive_greet", person="Ada", total="1")
    wait_for_end(installation, job)
    stored = '{"greeting": {"__type__": "bytes", "__value__": "Hi"}, "number": NaN, "deep": {"number": -Infinity}}'
    installation.redis.hset(job.replace("/jobs/", "job:"), "result", stored)
    assert "Finished" in fetch(installation, job).body
    status = json.loads(fetch(installation, job + ".json").body, parse_constant=pytest.fail)
    assert (status["result"]["number"], status["result"]["deep"]) == (None, {"number": None})
