"""The configuration in deploy/nginx, run by a real nginx in front of a real gunicorn and Flower.

Only what depends on the machine is replaced: the ports, the certificate, the log folder and the IPv6 listeners.
"""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from select import select
from typing import Any

import psutil
import pytest

from greeter.settings import Settings
from greeter.web.problems import error_problem
from tests.conftest import PATIENCE, ROOT, Installation, find_program, free_port, listens, needs, wait_for
from tests.http import Response

NGINX = find_program("nginx")
pytestmark = [pytest.mark.slow, needs("nginx", "nginx-light")]
FORM: dict[str, Any] = {"Content-Type": "application/x-www-form-urlencoded"}

MAIN = """
daemon off;
pid nginx.pid;
error_log error.log;
{user}
events {{}}
http {{
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    include conf.d/*.conf;
    include sites-available/greeter;
    server {{ listen 127.0.0.1:{below}; include snippets/greeter-prefix.conf; }}
}}
"""


def connect(port: int, source: str = "127.0.0.1") -> HTTPConnection:
    """Connect from a local address; a negative port number means https."""
    if port > 0:
        return HTTPConnection("127.0.0.1", port, timeout=PATIENCE, source_address=(source, 0))
    unknown = ssl._create_unverified_context()
    return HTTPSConnection("127.0.0.1", -port, timeout=PATIENCE, context=unknown, source_address=(source, 0))


def request(port: int, path: str, body: str | bytes | None, source: str, **headers: str) -> Response:
    """Send one request to your.host: a POST if there is a body, else a GET."""
    connection = connect(port, source)
    try:
        connection.request("POST" if body else "GET", path, body, {"Host": "your.host"} | headers)
        response = connection.getresponse()
        return Response(response, response.read())
    finally:
        connection.close()


def exchange(port: int, sent: bytes) -> Response:
    """Send bytes, which need not be HTTP, and return the response."""
    connection = connect(port)
    connection.connect()
    with closing(connection):
        connection.sock.sendall(sent)
        response = HTTPResponse(connection.sock)
        response.begin()
        return Response(response, response.read())


class Proxy:
    """nginx in front of an installation: ports `http` and `https` are the site, `below` is the one under /greeter/."""

    def __init__(self, folder: Path, site: Installation, web_port: int) -> None:
        self.folder, self.site = folder, site
        self.http, self.https, self.below = free_port(), free_port(), free_port()
        replacements = {
            r"127.0.0.1:5554": f"127.0.0.1:{web_port}",
            r"127.0.0.1:5555": f"127.0.0.1:{site.settings.flower_port}",
            r"listen 80;": f"listen 127.0.0.1:{self.http};",
            r"listen 443": f"listen 127.0.0.1:{self.https}",
            r" +listen \[::\].*\n": "",
            r"/etc/letsencrypt/live/your.host": str(folder),
            r"/var/log/nginx": str(folder),
        }
        shutil.copytree(ROOT / "deploy" / "nginx", folder, dirs_exist_ok=True)
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            text = path.read_text()
            for pattern, replacement in replacements.items():
                text = re.sub(pattern, replacement, text)
            path.write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(user=user, below=self.below))
        certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=your.host"]
        keys = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
        subprocess.run([*certificate, *keys], check=True, capture_output=True)
        self.command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start nginx, and stop it at the end."""
        subprocess.run([*self.command, "-t"], check=True)
        with subprocess.Popen(self.command) as self.process:
            try:
                wait_for(lambda: listens(self.https))
                yield
            finally:
                self.process.terminate()

    def ask(
        self, path: str, body: str | bytes | None = None, *, port: int = 0, source: str = "127.0.0.1", **headers: str
    ) -> Response:
        """Send one request, over https unless a port is given."""
        return request(port or -self.https, path, body, source, **headers)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, site: Installation) -> Iterator[Proxy]:
    """Start nginx in front of the site."""
    proxy = Proxy(tmp_path_factory.mktemp("nginx"), site, site.settings.web_port)
    with proxy.running():
        yield proxy


def test_http_redirects_to_https(proxy: Proxy) -> None:
    """Every path is redirected, including Flower's, so that no password is sent unencrypted."""
    for path in ("/", "/flower/tasks", "/jobs/x?y=z"):
        answer = proxy.ask(path, port=proxy.http)
        assert (answer.status, answer.headers["Location"]) == (301, "https://your.host" + path)
    page = proxy.ask("/")
    assert (page.status, "Greeting" in page.body) == (200, True)
    assert "max-age" in page.headers["Strict-Transport-Security"], "greeter does not recognise the request as https"


def test_client_address_is_taken_from_the_connection_not_from_headers(proxy: Proxy) -> None:
    """A forged X-Forwarded-For neither evades the limit per visitor nor uses up that of another visitor."""
    forged: dict[str, Any] = {
        "X-Forwarded-For": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "X-Forwarded-Prefix": "/x",
    }
    for number in (2, 3):
        answer = proxy.ask("/tools/expensive_greet", "person=Ada&total=1", source=f"127.0.0.{number}", **FORM, **forged)
        assert re.fullmatch("/jobs/[0-9a-f]{32}", answer.headers["Location"]), answer.body
    clients = {key.decode() for key in proxy.site.redis.keys("client:*")}
    assert {"client:127.0.0.2", "client:127.0.0.3"} <= clients
    assert "client:203.0.113.9" not in clients


def test_oversized_upload_gets_greeters_error_page(proxy: Proxy) -> None:
    """greeter itself rejects an upload slightly above MAX_UPLOAD_BYTES; nginx rejects one far above it."""
    most = Settings().max_upload_bytes
    for size, ours in ((most + 1_500_000, True), (2 * most, False)):
        answer = proxy.ask("/tools/phmmer", b"query=" + b"A" * size, **FORM)
        assert (answer.status, "submission is too large" in answer.body) == (413, ours)


def refusal(answer: Response, status: int) -> dict[str, Any]:
    """Return the problem in a response of a proxy, which has the members of those of greeter."""
    problem: dict[str, Any] = json.loads(answer.body)
    assert (answer.status, problem["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert ("Retry-After" in answer.headers, "Allow" in answer.headers) == (status == 503, status == 405)
    assert set(problem) == {"title", "status", "detail", "reference"}
    ours = json.loads(error_problem(status, {}).data)
    assert [problem[name] for name in ("title", "detail")] == [ours[name] for name in ("title", "detail")]
    return problem


def test_scripts_get_problems_from_nginx_too(tmp_path: Path, proxy: Proxy, site: Installation) -> None:
    """Under /api, what nginx refuses, and what nothing answers, is a problem in the words of greeter."""
    api, large = "/api/v1/processes/phmmer/execution", b"query=" + b"A" * 2 * Settings().max_upload_bytes
    references = set()
    for prefix, port in (("", 0), ("/greeter", proxy.below)):
        references.add(refusal(proxy.ask(prefix + api, large, port=port, **FORM), 413)["reference"])
        assert proxy.ask(f"{prefix}/api/v1/processes/none", port=port).body.count("There is no tool") == 1
    wait_for(lambda: references <= set((proxy.folder / "greeter.log").read_text().split()))
    alone = Proxy(tmp_path, site, free_port())
    with alone.running():
        for prefix, port in (("", 0), ("/greeter", alone.below)):
            for path in (api, "/api/openapi.json", "/api/v1/jobs/sample-phmmer/files/targets.tbl"):
                refusal(alone.ask(prefix + path, port=port), 503)
            assert "text/html" in alone.ask(f"{prefix}/help", port=port).headers["Content-Type"]


REFUSED_BY_NGINX = {
    "no host": (400, b"GET %s HTTP/1.1\r\n\r\n"),
    "no host, two slashes": (400, b"GET /%s HTTP/1.1\r\n\r\n"),
    "absolute address": (400, b"GET http://your.host%s HTTP/1.1\r\nHost: a b\r\n\r\n"),
    "TRACE": (405, b"TRACE %s HTTP/1.1\r\nHost: your.host\r\n\r\n"),
    "CONNECT": (405, b"CONNECT %s HTTP/1.1\r\nHost: your.host\r\n\r\n"),
    "encoding": (501, b"POST %s HTTP/1.1\r\nHost: your.host\r\nTransfer-Encoding: foo\r\n\r\n"),
    "version": (505, b"GET %s HTTP/2.0\r\nHost: your.host\r\n\r\n"),
    "no header": (400, b"GET %s HTTP/1.1\r\nHost: your.host\r\nA header\r\n\r\n"),
    "no version": (400, b"GET %s HTTQ\r\n\r\n"),
    "chunk": (400, b"POST %s HTTP/1.1\r\nHost: your.host\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "long address": (414, b"GET %s?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: your.host\r\n\r\n"),
    "long header": (431, b"GET %s HTTP/1.1\r\nHost: your.host\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n"),
}


@pytest.mark.parametrize(("status", "head"), REFUSED_BY_NGINX.values(), ids=REFUSED_BY_NGINX)
def test_scripts_get_problems_for_what_nginx_cannot_read(proxy: Proxy, status: int, head: bytes) -> None:
    """Under /api, in the words of greeter; a page stays that of nginx."""
    for prefix, port in ((b"", -proxy.https), (b"/greeter", proxy.below)):
        refusal(exchange(port, head % (prefix + b"/api/v1/processes")), status)
        page = exchange(port, head % (prefix + b"/help"))
        assert (page.headers["Content-Type"], page.body.count("<center>nginx")) == ("text/html", 1)
        assert page.status in (status, 400)  # nginx shows 400 instead of 431


def test_all_urls_have_the_prefix_when_served_under_a_path(proxy: Proxy) -> None:
    """Links, form actions, redirects, polls and static files all start with /greeter/."""
    page = proxy.ask("/greeter/tools/expensive_greet?example", port=proxy.below)
    addresses = re.findall(r' (?:href|src|action)="([^"]+)"', page.body)
    assert len(addresses) > 4
    assert all(address.startswith(("/greeter/", "#", "?", "mailto:")) for address in addresses), addresses
    style = next(address for address in addresses if ".css" in address)
    assert proxy.ask(style, port=proxy.below).status == 200
    answer = proxy.ask("/greeter/tools/expensive_greet", "person=Ada&total=1", port=proxy.below, **FORM)
    job = answer.headers["Location"]
    assert job.startswith("/greeter/jobs/")
    assert f'hx-get="{job}/progress"' in proxy.ask(job, port=proxy.below).body
    assert proxy.ask("/greeter/metrics", port=proxy.below).status == 404


@pytest.mark.parametrize("prefix", ["", "/greeter"])
def test_polls_have_connections_of_their_own(proxy: Proxy, prefix: str) -> None:
    """nginx keeps them for the next polls, and opens one for each other request: it would not send a form again."""

    def is_kept_after(path: str) -> bool:
        assert proxy.ask(prefix + path, port=proxy.below if prefix else 0).status == 200
        workers = psutil.Process(proxy.process.pid).children()
        connections = [one for worker in workers for one in worker.net_connections() if one.raddr]
        return any(one.raddr.port == proxy.site.settings.web_port for one in connections)

    job = "/jobs/" + proxy.site.submit("expensive_greet", person="Ada", total=1)
    wait_for(lambda: not is_kept_after(job))
    wait_for(lambda: is_kept_after(job + "/progress"))


def test_flower_requires_a_password_and_its_open_endpoints_are_blocked(proxy: Proxy) -> None:
    """Flower's pages need the password and are read-only; its unauthenticated endpoints are 404 in any spelling."""
    for path in ("/flower/", "/flower/tasks", "/flower/api/tasks"):
        assert proxy.ask(path).status == 401
    for spelling in ("metrics", "healthcheck", "/metrics", "%6detrics", "x/../metrics", "metrics/", "./healthcheck?x"):
        answer = proxy.ask("/flower/" + spelling)
        assert (answer.status, "flower_" in answer.body) == (404, False), spelling
    credentials = b64encode(proxy.site.settings.flower_basic_auth.encode()).decode()
    login: dict[str, Any] = {"Authorization": f"Basic {credentials}"}
    tasks = proxy.ask("/flower/tasks", **login)
    assert tasks.status == 200
    style = re.findall(r'href="(/flower/static/[^"]+\.css[^"]*)"', tasks.body)[0]
    assert proxy.ask(style, **login).status == 200
    assert proxy.ask("/flower/api/task/revoke/x", "terminate=true", **FORM, **login).status == 403
    assert proxy.ask("/metrics", source="127.0.0.2").status == 403


def test_slow_clients_do_not_delay_other_visitors(proxy: Proxy) -> None:
    """While 70 clients have sent half of their headers and 70 half of a form, others need not wait for them.

    greeter has 64 threads. Others are answered while no slow client has been. The proxy gives up on those after a
    minute, so there is another trial after a pause of the machine.
    """
    halves = [b"GET / HTTP/1.1\r\nHost: your.host\r\nX-Slow: ", b"POST /tools/phmmer HTTP/1.1\r\nHost: your.host\r\n"]
    halves[1] += b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\nquery=half"

    def others_are_answered_first() -> bool:
        slow = [socket.create_connection(("127.0.0.1", proxy.below)) for _ in range(140)]
        for number, one in enumerate(slow):
            one.sendall(halves[number % 2].replace(b" /", b" /greeter/", 1))
        time.sleep(0.5)
        assert {proxy.ask("/").status for _ in range(5)} == {200}
        answered, _, _ = select(slow, [], [], 0)
        for one in slow:
            one.close()
        return not answered

    wait_for(others_are_answered_first)


def test_connection_stays_open_after_a_refused_upload(proxy: Proxy) -> None:
    """One connection serves several requests, even after greeter has refused one without reading its body."""
    connection = connect(-proxy.https)
    for path, body, status in (("/", None, 200), ("/nowhere", "x" * 100_000, 404), ("/health/live", None, 200)):
        connection.request("POST" if body else "GET", path, body, {"Host": "your.host"})
        response = connection.getresponse()
        response.read()
        assert (response.status, response.will_close) == (status, False)
    connection.close()


def test_access_log_contains_visitors_but_no_polls_and_no_complete_job_ids(proxy: Proxy) -> None:
    """A visit is logged with its address and a shortened job id; polls, static files and health checks are not."""
    job = "/jobs/" + "0123456789abcdef" * 2
    for path in (job, job + "/progress", "/static/style.css", "/health/ready", "/tools/phmmer?example"):
        proxy.ask(path)
    log = wait_for(lambda: "phmmer" in (text := (proxy.folder / "greeter.log").read_text()) and text)
    assert re.search(r'127.0.0.1 20\S+ "GET /jobs/01234567" (404|503) \d+ [\d.]+ [0-9a-f]{32}\n', log)
    assert not re.search("0123456789|progress|static/style|/health/|example", log)
