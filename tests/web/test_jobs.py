"""The page of a job and its fragment, over HTTP, with a real Redis, worker and gunicorn."""

import re
import signal
import time
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlencode

import pytest

from tests.conftest import Installation, wait_for

pytestmark = pytest.mark.slow


class Answer:
    """What came back over the wire."""

    def __init__(self, response: HTTPResponse, body: str) -> None:
        self.status, self.headers, self.body = response.status, response.headers, body


def ask(
    installation: Installation, path: str, method: str = "GET", body: str | bytes | None = None, **headers: str
) -> Answer:
    """Send one request over the wire."""
    connection = HTTPConnection("127.0.0.1", installation.settings.web_port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return Answer(response, response.read().decode())
    finally:
        connection.close()


def submit(installation: Installation, tool: str, **fields: str) -> str:
    """Submit a form and return the address of the job."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask(installation, f"/tools/{tool}", "POST", urlencode(fields), **form)
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
    assert re.search(r"<td>t</td>.*e-\d+</td>.*<td>the target</td>", ended)
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


def test_an_unknown_job_is_a_404_that_ends_polling(installation: Installation) -> None:
    """A page for the page, a fragment without a trigger for the fragment."""
    page = ask(installation, "/jobs/" + "0" * 32)
    assert page.status == 404
    assert "Nothing is here" in page.body
    fragment = ask(installation, "/jobs/" + "0" * 32 + "/progress")
    assert fragment.status == 404
    assert "<html" not in fragment.body
    assert "hx-" not in fragment.body


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
    refused = ask(installation, "/tools/phmmer", "POST", start + text[:700_000] + query + end, **multipart)
    assert refused.status == 413
    assert "too much at once" in refused.body


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["down", "hung"])
def test_the_web_says_when_redis_is_away_and_comes_back(own_installation: Installation, number: int) -> None:
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
