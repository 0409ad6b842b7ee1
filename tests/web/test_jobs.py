"""The page of a job and its fragment, over HTTP, with a real Redis, worker and gunicorn."""

import dataclasses
import re
import resource
import shutil
import signal
import time
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import unescape
from http.client import HTTPConnection, HTTPResponse
from importlib.metadata import version
from urllib.parse import quote, urlencode

import psutil
import pytest
from markupsafe import escape

from greeter import __version__
from greeter.jobs.runner import Runner
from tests.conftest import Installation, wait_for
from tests.web.test_template_filters import CONTROL, TURNING

pytestmark = pytest.mark.slow


class Answer:
    """What came back over the wire."""

    def __init__(self, response: HTTPResponse, raw: bytes) -> None:
        self.status, self.headers, self.raw = response.status, response.headers, raw

    @property
    def body(self) -> str:
        """What came back as text."""
        return self.raw.decode()


def ask(
    installation: Installation,
    path: str,
    method: str = "GET",
    body: str | Iterable[bytes] | None = None,
    **headers: str,
) -> Answer:
    """Send one request over the wire."""
    connection = HTTPConnection("127.0.0.1", installation.settings.web_port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response, response.read())
    finally:
        connection.close()


def submit(installation: Installation, tool: str, **fields: str) -> str:
    """Submit a form and return the address of the job."""
    answer = post(installation, f"/tools/{tool}", **fields)
    assert answer.status == 303, answer.body
    return str(answer.headers["Location"])


def end_of(installation: Installation, job: str) -> str:
    """Wait for the fragment of a job that has ended."""
    return wait_for(lambda: "hx-get" not in (body := ask(installation, job + "/progress").body) and body)


def test_from_form_to_greeting(installation: Installation) -> None:
    """Page and fragment tell the same; the fragment of an ended job asks for nothing more."""
    job = submit(installation, "expensive_greet", person="<Ada>", total="4")
    assert re.fullmatch("/jobs/[0-9a-f]{32}", job)
    page = ask(installation, job).body
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert f'hx-get="{job}/progress" hx-trigger="every 1s"' in page
    running = wait_for(lambda: "of 4 steps" in (body := ask(installation, job + "/progress").body) and body)
    assert 'hx-trigger="every 1s"' in running
    assert "<html" not in running
    ended = end_of(installation, job)
    assert "Greetings, &lt;Ada&gt;!" in ended
    page = ask(installation, job).body
    assert "Greetings, &lt;Ada&gt;!" in page
    assert "http-equiv" not in page
    assert "hx-trigger" not in page


def test_an_unchanged_job_is_not_sent_again(installation: Installation) -> None:
    """304 without a body for the tag that the page has; everything once it has changed."""
    job = submit(installation, "dawdle")
    first = wait_for(lambda: "Running" in (answer := ask(installation, job + "/progress")).body and answer)
    same = wait_for(
        lambda: (
            (answer := ask(installation, job + "/progress", **{"HX-PTag": first.headers["HX-PTag"]})).status == 304
            and answer
        ),
    )
    assert same.body == ""
    end_of(installation, job)
    changed = ask(installation, job + "/progress", **{"HX-PTag": first.headers["HX-PTag"]})
    assert changed.status == 200
    assert "time limit" in changed.body


def test_from_upload_to_hits_and_downloads(installation: Installation) -> None:
    """phmmer over HTTP: a file for the query, pasted targets, the table, both downloads."""
    parts = {
        'name="query"; filename="q.fa"': ">q one\nVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF",
        'name="targets"': ">t the target\nVHLTGEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF",
        'name="evalue"': "1e-3",
    }
    body = "".join(f"--cut\r\nContent-Disposition: form-data; {name}\r\n\r\n{text}\r\n" for name, text in parts.items())
    multipart = {"Content-Type": "multipart/form-data; boundary=cut"}
    job = str(ask(installation, "/tools/phmmer", "POST", body + "--cut--\r\n", **multipart).headers["Location"])
    ended = end_of(installation, job)
    assert re.search(
        r'<th scope="row">t</th>\s*<td class="number">[\d.]+e-\d+</td>.*<td>the target</td>', ended, re.DOTALL
    )
    for name in ("targets.tbl", "domains.tbl"):
        assert f'href="{job}/files/{name}"' in ended
        download = ask(installation, f"{job}/files/{name}")
        assert download.headers["Content-Disposition"] == f"attachment; filename={name}"
        assert download.headers["Content-Type"].startswith("text/plain")
        assert "the target" in download.body
    for name in ("query", "..%2Finputs%2Fquery", "none.tbl"):
        assert ask(installation, f"{job}/files/{name}").status == 404


@pytest.mark.parametrize(
    ("tool", "texts"),
    [
        ("yield_some", ["Stopped at the time limit", "of 100 sheep", "This result is partial", "counted"]),
        ("blame", ["Failed", "There is no gene in this sequence. Try another one."]),
        ("stumble", ["Failed", "Something went wrong on our side", "the reference <code>{reference}</code>"]),
    ],
)
def test_every_end_is_told_in_words(installation: Installation, tool: str, texts: list[str]) -> None:
    """And none in Celery's; what was not said to the user is not on the page."""
    job = submit(installation, tool)
    ended = end_of(installation, job)
    for text in texts:
        assert text.format(reference=job.removeprefix("/jobs/")[:8]) in ended
    for hidden in ("SUCCESS", "FAILURE", "secret detail", "Traceback"):
        assert hidden not in ended


def test_11_an_unknown_job_is_a_404_that_ends_polling(installation: Installation) -> None:
    """A page for the page, a fragment without a trigger for the fragment."""
    page = ask(installation, "/jobs/" + "0" * 32)
    assert page.status == 404
    assert "Nothing is here" in page.body
    fragment = ask(installation, "/jobs/" + "0" * 32 + "/progress")
    assert fragment.status == 404
    assert "<html" not in fragment.body
    assert "hx-get" not in fragment.body
    assert "hx-trigger" not in fragment.body


def test_11_unknown_removed_and_impossible_jobs_look_the_same(installation: Installation) -> None:
    """In every way that an answer can differ."""
    job = submit(installation, "blame")
    end_of(installation, job)
    assert post(installation, job + "/delete").status == 200
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
    ways = [("GET", end) for end in ("", "/progress", "/edit", "/files/targets.tbl")]
    for method, end in [*ways, ("POST", "/cancel"), ("POST", "/delete"), ("POST", "/again")]:
        removed = seen_of(ask(installation, job + end, method))
        assert removed[0] == 404
        for job_id in ids:
            assert seen_of(ask(installation, f"/jobs/{quote(job_id, safe='%')}{end}", method)) == removed


def seen_of(answer: Answer) -> tuple[int, str, list[tuple[str, str]]]:
    """All that a visitor can tell an answer by, but the time."""
    return answer.status, answer.body, [header for header in answer.headers.items() if header[0] != "Date"]


def test_26_a_download_is_a_file_that_the_page_offers(installation: Installation) -> None:
    """And neither what lies beside it, nor what a program left under a name that no header can hold."""
    job = submit(installation, "phmmer", query=">q\nVHLTPEEKSAVTALWGKVNV", evalue="10")
    end_of(installation, job)
    folder = installation.settings.data_dir / job[1:]
    outputs = folder / "outputs"
    (outputs / "folder").mkdir()
    (outputs / "link").symlink_to("/etc/passwd")
    for name in ("a\r\nSet-Cookie: b", "<b>.txt", ".hidden"):
        (outputs / name).write_text("x")
    page = ask(installation, job).body
    assert re.findall(f'href="{job}/files/([^"]*)"', page) == ["domains.tbl", "hits.jsonl", "targets.tbl"]
    for name in [
        *(path.name for path in outputs.iterdir()),
        "../inputs/query",
        "..",
        ".",
        "../../../log",
        "/etc/passwd",
    ]:
        for quoted in (quote(name, safe=""), quote(name)):
            answer = ask(installation, f"{job}/files/{quoted}")
            assert answer.status == (200 if name.endswith((".tbl", ".jsonl")) else 404), name


def test_a_job_without_its_folder_is_gone(installation: Installation) -> None:
    """As it is for a moment, while it is removed."""
    job = submit(installation, "phmmer", query=">q\nVHLTPEEKSAVTALWGKVNV", evalue="10")
    end_of(installation, job)
    shutil.rmtree(installation.settings.data_dir / job[1:])
    assert ask(installation, job + "/edit").status == post(installation, job + "/again").status == 404
    assert post(installation, job + "/delete").status == 200


HTML = "<script>alert(1)</script>\"'><svg/onload=alert(2)>&"


def test_28_what_a_user_enters_is_shown_and_does_nothing(installation: Installation) -> None:
    """HTML in names and labels is text; what turns the direction or breaks a line reaches neither page nor record."""
    fasta = f">{HTML} about {HTML}\nVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF"
    job = submit(installation, "phmmer", query=fasta, evalue="10", label=f"{HTML}{TURNING}\r\n\0my label")
    pages = [end_of(installation, job), ask(installation, job).body, ask(installation, job + "/edit").body]
    assert f'<th scope="row">{escape(HTML)}</th>' in pages[0]
    assert f"<td>about {escape(HTML)}</td>" in pages[0]
    assert f"<h1>{escape(HTML)} my label" in pages[1]
    for page in pages:
        assert "<script>alert" not in page
        assert "<svg/onload" not in page
        assert not set(page) & set(TURNING + CONTROL)
    assert installation.store.find(job.removeprefix("/jobs/")).label == f"{HTML} my label"
    refused = post(installation, "/tools/phmmer", query=f">a{TURNING} b\nMKV", evalue="10")
    assert refused.status == 422
    assert "Line 1: the header has a character that cannot be shown. Retype the header." in refused.body


def test_29_logs_and_flower_are_not_for_users_to_write(own_installation: Installation) -> None:
    """Also where a bug of a tool puts the input into its message."""
    own_installation.start("redis", "worker", "web", "flower")
    wait_for(lambda: "worker@test" in flower(own_installation, "/workers?json=1"))
    words = f"{HTML}{TURNING}\r\n[2026-01-01 00:00:00] CRITICAL: forged\x1b[2J"
    job = submit(own_installation, "gossip", words=words, label=words)
    end_of(own_installation, job)
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
    """A page of Flower, for its operator."""
    connection = HTTPConnection("127.0.0.1", installation.settings.flower_port, timeout=10)
    login = b64encode(installation.settings.flower_basic_auth.encode()).decode()
    try:
        connection.request("GET", path, headers={"Authorization": f"Basic {login}"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_job_pages_stay_out_of_caches_and_indexes(installation: Installation) -> None:
    """Who knows the address may see the job, so the address goes nowhere."""
    job = submit(installation, "blame")
    for path in (job, job + "/progress", "/jobs/" + "0" * 32):
        headers = ask(installation, path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"] == "noindex"


def test_ten_megabytes_work_and_more_is_a_clear_413(installation: Installation) -> None:
    """The answer arrives although the upload is not read."""
    record = b">t%d\n" + b"VHLTPEEKSAVTALWGKVNV\n" * 16
    text = b"".join(record % number for number in range(29_000))
    head = b'--cut\r\nContent-Disposition: form-data; name="%s"; filename="t.fa"\r\n\r\n'
    start = head % b"targets" + text
    query = b"\r\n" + head % b"query" + b">q\nMKVLAWTRHMKVLAWTRH\r\n"
    end = b'--cut\r\nContent-Disposition: form-data; name="evalue"\r\n\r\n10\r\n--cut--\r\n'
    multipart = {"Content-Type": "multipart/form-data; boundary=cut"}
    assert 9_900_000 < len(start) < 10_000_000
    answer = ask(installation, "/tools/phmmer", "POST", start + query + end, **multipart)
    assert answer.status == 303, answer.body[:2000]
    assert "Finished" in end_of(installation, answer.headers["Location"])
    # A browser sends the same text in this way when it comes back to be edited.
    edited = (start + query + end).replace(b"SAVT", b"SA\nVT").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert len(edited) > 11_000_000
    assert ask(installation, "/tools/phmmer", "POST", edited, **multipart).status == 303
    in_chunks = iter([start, text, query + end])
    for body in (start + text[:2_000_000] + query + end, in_chunks):
        refused = ask(installation, "/tools/phmmer", "POST", body, **multipart)
        assert refused.status == 413
        assert "too much at once" in refused.body


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["down", "hung"])
def test_09_the_web_says_when_redis_is_away_and_comes_back(own_installation: Installation, number: int) -> None:
    """503 with Retry-After within three seconds, with what was entered; then all is well again."""
    own_installation.start("redis", "worker", "web")
    job = submit(own_installation, "expensive_greet", person="Ada", total="1")
    end_of(own_installation, job)
    own_installation.signal("redis", number)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for path, method, body in (
        (job, "GET", None),
        (job + "/progress", "GET", None),
        ("/tools/expensive_greet", "POST", "person=Grace&total=1"),
    ):
        began = time.monotonic()
        answer = ask(own_installation, path, method, body, **form)
        assert time.monotonic() - began < 3
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert 'value="Grace"' in answer.body
    assert ask(own_installation, "/").status == 200
    if number == signal.SIGSTOP:
        own_installation.signal("redis", signal.SIGCONT)
    else:
        own_installation.start("redis")
    assert wait_for(lambda: ask(own_installation, job).status == 200)
    again = submit(own_installation, "expensive_greet", person="Grace", total="1")
    assert "Greetings, Grace!" in end_of(own_installation, again)


def test_10_a_full_redis_refuses_a_submission_and_keeps_what_was_entered(own_installation: Installation) -> None:
    """Jobs that were accepted are shown; one that is refused leaves nothing behind."""
    own_installation.start("redis", "web")
    job = submit(own_installation, "expensive_greet", person="Ada", total="1")
    own_installation.redis.config_set("maxmemory", "1mb")
    refused = post(own_installation, "/tools/expensive_greet", person="Grace", total="7", label="mine")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    for kept in ('value="Grace"', 'value="7"', 'value="mine"', "submit it again"):
        assert kept in refused.body
    assert "Yours is the next job" in ask(own_installation, job).body
    assert [path.name for path in (own_installation.settings.data_dir / "jobs").iterdir()] == [job[6:]]
    assert post(own_installation, job + "/cancel").status == 303
    assert "This job was cancelled" in ask(own_installation, job).body
    own_installation.redis.config_set("maxmemory", 0)


def test_31_a_full_disk_refuses_a_submission_and_keeps_what_was_entered(own_installation: Installation) -> None:
    """Nothing of it is left, and the site goes on."""
    own_installation.start("redis", "web")
    wait_for(lambda: len(psutil.Process(own_installation.pid("web")).children()) == 2)
    for process in psutil.Process(own_installation.pid("web")).children():
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    protein = ">kept\n" + "MKVLA\n" * 20_000
    refused = post(own_installation, "/tools/phmmer", query=protein, evalue="7.5", label="mine")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "300")
    for kept in ("MKVLA\n" * 20_000, 'value="7.5"', 'value="mine"', "not enough disk space"):
        assert kept in refused.body
    assert not list((own_installation.settings.data_dir / "jobs").iterdir())
    assert own_installation.redis.zcard("jobs:waiting") == 0
    assert ask(own_installation, submit(own_installation, "phmmer", query=">a\nMKVLA", evalue="7.5")).status == 200


def post(installation: Installation, path: str, **fields: str) -> Answer:
    """Send a form."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return ask(installation, path, "POST", urlencode(fields), **form)


def test_a_job_is_cancelled_and_deleted(installation: Installation) -> None:
    """By its buttons; then its address leads nowhere."""
    job = submit(installation, "expensive_greet", person="Ada", total="1000")
    wait_for(lambda: "Running" in ask(installation, job).body)
    assert f'action="{job}/cancel"' in ask(installation, job).body
    assert post(installation, job + "/delete").status == 303
    assert post(installation, job + "/cancel").headers["Location"] == job
    ended = end_of(installation, job)
    assert "Cancelled" in ended
    assert "Greetings, fallback!" in ended
    assert "This result is partial" in ended
    assert f'action="{job}/cancel"' not in ended
    deleted = post(installation, job + "/delete")
    assert (deleted.status, "The job is deleted" in deleted.body) == (200, True)
    assert ask(installation, job).status == 404
    assert post(installation, job + "/delete").status == 404
    assert post(installation, job + "/cancel").status == 404
    assert ask(installation, job + "/cancel").status == 405


def test_a_job_is_run_again_as_it_was_or_edited(installation: Installation) -> None:
    """With the same input, file and label; a second click makes no second job."""
    fasta = ">q\nVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF"
    job = submit(installation, "phmmer", query=fasta, evalue="0.5", label="my globin")
    ended = end_of(installation, job)
    token = re.findall('name="token" value="([^"]+)"', ended)[0]
    first, second = (post(installation, job + "/again", token=token) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"] != job
    again = end_of(installation, first.headers["Location"])
    assert "<dd>0.5</dd>" in again
    assert sha256(fasta.encode()).hexdigest() in again
    assert "my globin" in ask(installation, first.headers["Location"]).body
    form = unescape(ask(installation, job + "/edit").body).replace("\r", "")
    assert fasta in form
    assert 'value="0.5"' in form
    assert 'value="my globin"' in form
    assert ask(installation, f"/jobs/{'0' * 32}/edit").status == 404


def test_the_same_form_twice_is_one_job(installation: Installation) -> None:
    """A double click, or the POST loaded again."""
    token = re.findall('name="token" value="([^"]+)"', ask(installation, "/tools/expensive_greet").body)[0]
    jobs = [submit(installation, "expensive_greet", person="Ada", total="1", token=token) for _ in range(3)]
    assert len(set(jobs)) == 1
    assert submit(installation, "expensive_greet", person="Bob", total="1", token=token) not in jobs


def test_the_title_tells_how_far_the_job_is(installation: Installation) -> None:
    """With the label, in the page and in the fragment, from which htmx takes it."""
    job = submit(installation, "expensive_greet", person="Ada", total="4", label="my <job>")
    wait_for(lambda: re.search(r"<title>(25|50|75) % - my &lt;job&gt;", ask(installation, job).body))
    end_of(installation, job)
    assert "<title>Finished - my &lt;job&gt; - greeter</title>" in ask(installation, job + "/progress").body


def test_the_page_of_an_ended_job_tells_how_it_was_made(installation: Installation) -> None:
    """Versions, parameters, times and attempts."""
    job = submit(installation, "phmmer", query=">q\nVHLTPEEKSAVTALWGKVNV", evalue="0.5")
    ended = end_of(installation, job)
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


def test_one_visitor_may_not_have_all_places(own_installation: Installation) -> None:
    """429 for one, 503 when the queue is full, each with all that was entered; and no worker is told as such."""
    own_installation.settings = dataclasses.replace(own_installation.settings, max_active=2, max_waiting=2)
    own_installation.start("redis", "web")
    jobs = [submit(own_installation, "expensive_greet", person=f"P{n}", total="1") for n in range(2)]
    assert "1 job ahead of you" in ask(own_installation, jobs[1]).body
    assert "No worker is running at the moment" in ask(own_installation, jobs[1]).body
    full = post(own_installation, "/tools/expensive_greet", person="Grace", total="7", label="mine")
    assert (full.status, full.headers["Retry-After"]) == (503, "300")
    for kept in ('value="Grace"', 'value="7"', 'value="mine"', "As many jobs wait as may"):
        assert kept in full.body
    post(own_installation, jobs[0] + "/cancel")
    own_installation.store.claim(jobs[1].removeprefix("/jobs/"), Runner("worker", 1), {})
    submit(own_installation, "expensive_greet", person="P3", total="1")
    busy = post(own_installation, "/tools/expensive_greet", person="Grace", total="7")
    assert (busy.status, busy.headers["Retry-After"]) == (429, "60")
    assert 'value="Grace"' in busy.body
