"""Hostile requests never cause a 500 or a hang, and only accepted jobs leave data in Redis or on disk."""

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule

from greeter import create_app
from tests.conftest import PATIENCE, Installation
from tests.http import fetch
from tests.web.test_template_filters import CONTROL, TURNING

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.no_cover, pytest.mark.unmeasured]

ROUNDS = 3
FASTA = ">q one\nVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRF\n"
METHODS = ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "G\u00cbT"]
TOOLS = ["expensive_greet", "phmmer", "blame", "gossip"]  # tools that end quickly, whether they succeed or fail

HOSTILE = st.text(max_size=40) | st.sampled_from(
    [
        *("", "0" * 32, "F" * 32, "..", "../../../etc/passwd", "/etc/passwd", "targets.tbl", "inputs", "style.css"),
        *("a\r\nSet-Cookie: a=b", "\0", "%00", "%", "<script>alert(1)</script>", "{{ 7 * 7 }}", "$(id)", "' OR 1=1"),
        *("a" * 3000, "9" * 5000, "-1", "1e999", "nan", "\u0661", TURNING, CONTROL, FASTA, FASTA + "1", ">" * 99),
    ]
)


def mostly(*usual: str) -> st.SearchStrategy[str]:
    """Usual values most of the time, and hostile ones otherwise."""
    return st.sampled_from(usual) | st.sampled_from(usual) | st.sampled_from(usual) | HOSTILE


TABLE = st.builds(  # the parameters of a table on the page of a job
    "hits-{}={}".format,
    mostly("target", "query", "evalue-max", "query_coverage-min", "sort", "start", "open"),
    mostly("-evalue", "1e-5", "100", "all"),
)
FORM = {"person": "Ada", "total": "1", "words": "hello", "query": FASTA, "targets": "", "evalue": "10", "label": ""}
HEADERS = {
    "Host": mostly("localhost", "a..b", "[::1]:80", "x:99999999999"),
    "Origin": mostly("http://localhost", "null", "https://evil.example"),
    "Sec-Fetch-Site": mostly("same-origin", "none", "cross-site"),
    "Content-Type": mostly("application/json", "multipart/form-data", "text/plain; charset=x"),
    "Content-Encoding": mostly("gzip", "identity"),
    "Content-Length": mostly("0", "7", "30000", "-1"),
    "Transfer-Encoding": mostly("chunked", "gzip, chunked", "identity"),
    "Expect": mostly("100-continue"),
    "Connection": mostly("keep-alive", "upgrade"),
    "Range": mostly("bytes=0-9", "bytes=9-0", "bytes=-1", "bytes=0-0,2-3", "lines=1"),
    "If-None-Match": mostly("*", 'W/"a"'),
    "If-Modified-Since": mostly("Thu, 01 Jan 1970 00:00:00 GMT"),
    "If-Range": HOSTILE,
    "HX-PTag": HOSTILE,
    "HX-Request": mostly("true"),
    "Cookie": HOSTILE,
    "X-Forwarded-For": mostly("203.0.113.9", "::1", "fe80::1%0", "a, b"),
    "X-Forwarded-Proto": mostly("https", "gopher"),
    "X-Forwarded-Host": mostly("evil.example", "a..b"),
    "X-Forwarded-Prefix": mostly("/greeter", "//evil.example"),
    "X-\u00fc": HOSTILE,
}

# Strategies are made here once, because making and validating them for each request would take half of the time.
NUMBERS = st.integers(0, 9)
ANY_BYTES = st.binary(max_size=200) | st.just(b"a" * 100_000)
TOKENS = st.sampled_from(["", "", "a"])
OTHER_FIELDS = st.dictionaries(mostly(*FORM, "token"), mostly("3", "10000"), max_size=2)
FILE_NAMES = st.none() | HOSTILE
JOBS, FILES, TOOL_NAMES = mostly("JOB"), mostly("targets.tbl"), mostly(*TOOLS)
UNQUOTED = st.sampled_from(["", "/"])
QUERIES = st.just("example") | TABLE | HOSTILE
NO_HEADER: st.SearchStrategy[list[str]] = st.just([])
HEADER_NAMES = NO_HEADER | st.lists(st.sampled_from(sorted(HEADERS)), max_size=3, unique=True)


class Request(NamedTuple):
    """A raw request, in which JOB is a placeholder for a job id."""

    head: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"{self.head!r} {self.body[:500]!r}"


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """A content type and a body: mostly a form as browsers send it, sometimes arbitrary bytes."""
    if draw(NUMBERS) == 0:
        return draw(HOSTILE), draw(ANY_BYTES)
    fields = FORM | {"token": draw(TOKENS)} | draw(OTHER_FIELDS)
    fields.pop(draw(mostly(*fields)), None)
    if draw(st.booleans()):
        form = urlencode(fields, encoding="utf-8", errors="surrogatepass")
        return "application/x-www-form-urlencoded", form.encode()
    parts = []
    for name, value in fields.items():
        file = draw(FILE_NAMES)
        named = "" if file is None else f'; filename="{file}"'
        parts.append(f'--cut\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{value}\r\n')
    return "multipart/form-data; boundary=cut", ("".join(parts) + "--cut--\r\n").encode(errors="surrogatepass")


@st.composite
def requests(draw: st.DrawFn, rule: Rule, method: str) -> Request:
    """A request for a route, with arbitrary headers and body."""
    values = {"job_id": JOBS, "name": FILES if "files" in rule.rule else TOOL_NAMES}

    def fill(variable: re.Match[str]) -> str:
        return quote(draw(values.get(variable[1], HOSTILE)), safe=draw(UNQUOTED), errors="surrogatepass")

    path = re.sub(r"<(?:\w+:)?(\w+)>", fill, rule.rule)
    if draw(st.booleans()):
        path += "?" + quote(draw(QUERIES), safe="=&", errors="surrogatepass")
    kind, body = draw(bodies()) if method != "GET" else ("", b"")
    headers = {"Host": "localhost", "Content-Length": str(len(body)), "Content-Type": kind, "Connection": "close"}
    chosen = draw(HEADER_NAMES)
    headers |= {name: draw(HEADERS[name]) for name in chosen}
    lines = [f"{name}: {one_line(value)}" for name, value in headers.items()]
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
    return Request(head.encode(errors="surrogatepass"), body)


def one_line(value: str) -> str:
    """Remove line breaks, which would turn the rest of the value into another header or request."""
    return value.replace("\r", "").replace("\n", "")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    """An installation that trusts one proxy, accepts only small forms, and has a short queue."""
    limits = {"max_upload_bytes": 1, "max_waiting": 3, "soft_time_limit": 1, "worker_concurrency": 1}
    with closing(Installation(tmp_path, proxy_hops=1, **limits)) as installation:
        installation.start("redis", "worker", "web")
        yield installation


class Visitor:
    """Sends requests, and keeps track of the jobs that were accepted and deleted."""

    def __init__(self, site: Installation) -> None:
        self.site, self.jobs, self.removed = site, list[str](), set[str]()

    def send(self, request: Request) -> None:
        """Send one request and check that its answer arrives within seconds and is not a server error."""
        job = self.jobs[crc32(request.head) % len(self.jobs)] if self.jobs else "0" * 32
        answer = self.answer_to(request.head.replace(b"JOB", job.encode()) + request.body)
        status = int(re.match(r"(?:HTTP/1\.1 100 Continue\s*)?HTTP/1\.[01] (\d\d\d) |", answer)[1] or 0)
        assert status or len(request.body) > 10_000, "closed without an answer although the body is small"
        assert status < 500 or status == 501 or (status == 503 and "Retry-After: " in answer), answer
        self.jobs += re.findall(r"^Location: \S*/jobs/([0-9a-f]{32})\r$", answer, re.MULTILINE)
        if "<h1>The job has been deleted" in answer or status == 204:
            self.removed.add(job)

    def answer_to(self, request: bytes) -> str:
        """Return everything received until the connection closes, which may be before the request is fully sent."""
        answer = bytearray()
        with socket.create_connection(("127.0.0.1", self.site.settings.web_port), timeout=PATIENCE) as connection:
            try:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                while received := connection.recv(65536):
                    answer += received
            except TimeoutError:
                raise
            except OSError:  # reset
                pass
        return answer.decode("latin-1")


def test_hostile_requests_cause_no_server_error_and_leave_no_data(site: Installation) -> None:
    """Every route and method copes with hostile headers, bodies, ids and file names."""
    visitor = Visitor(site)
    rules = list(create_app(site.settings).url_map.iter_rules())
    for number, rule, method in product(range(ROUNDS), rules, METHODS):
        own = method in (rule.methods or ()) and method not in ("HEAD", "OPTIONS")
        if number and not own:
            continue  # such requests are refused whatever jobs there are, so one round is enough

        @settings(max_examples=40 if own else 3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(requests(rule, method))
        def fuzz(request: Request) -> None:
            visitor.send(request)

        fuzz()
    assert len(visitor.jobs) > 20
    assert visitor.removed
    assert fetch(site, "/").status == 200
    site.stop("worker", "web")
    log = site.log.read_text()
    assert "Reference" not in log
    assert "Error handling request" not in log
    assert_only_accepted_jobs_left_data(site, set(visitor.jobs), visitor.removed)


def assert_only_accepted_jobs_left_data(site: Installation, accepted: set[str], removed: set[str]) -> None:
    """Check that Redis and the disk contain nothing but the data of accepted jobs."""
    keys = {key.decode() for key in site.redis.scan_iter()}
    jobs = {key.removeprefix("job:") for key in keys if key.startswith("job:")}
    places = [site.redis.zrange(place, 0, -1) for place in ("queue:celery", "queue:long", "jobs:running", "jobs:ended")]
    assert jobs == accepted - removed
    assert sorted(job.decode() for place in places for job in place) == sorted(jobs)
    assert {path.name for path in (site.settings.data_dir / "jobs").glob("[!.]*")} == jobs
    assert {path.name for path in site.settings.data_dir.iterdir()} == {"jobs", "redis", "log", "uploads"}
    assert list((site.settings.data_dir / "uploads").iterdir()) == []
    others = (
        "token:[0-9a-f]{64}|client:[0-9a-f.:/]+|client:unknown|client_key|bytes|limits:submissions/.*|jobs:.*"
        "|named:.*|queues|(queue|waiting|sent|clients|fair|workers):(celery|long)|workers:tools|unfit|tools|clock|installation|write_check|statistics"
        "|celery|_kombu.*"
    )
    assert not [key for key in keys - {f"job:{job}" for job in jobs} if not re.fullmatch(others, key)]
