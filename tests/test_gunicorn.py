"""gunicorn, as the Procfile starts it, with slow and hostile clients."""

import resource
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPResponse
from pathlib import Path

import psutil
import pytest

from tests.conftest import PATIENCE, Installation, wait_for
from tests.http import fetch

pytestmark = pytest.mark.slow

POLL = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nHX-PTag: 1\r\n\r\n"
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
LAST_REQUEST = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LONG_HEAD = HALF_A_HEAD + b"a: b\r\n" * 20_000
AHEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HALF_A_HEAD
HALF_A_BODY = (
    b"POST /tools/expensive_greet HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nperson=Ada&"
)


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A web server, without Redis, that waits for a client for two minutes: twice as long as a test does."""
    with closing(Installation(tmp_path_factory.mktemp("patient"))) as mine:
        waits = {"_HEAD_SECONDS": "120", "_BODY_SECONDS": "120", "GUNICORN_CMD_ARGS": "--keep-alive 120"}
        mine.more_environ["web"] = waits
        mine.start("web")
        yield mine


@contextmanager
def half_sent(installation: Installation, request: bytes, number: int) -> Iterator[None]:
    """Keep a number of clients connected that have sent half a request, and a byte more a second later."""
    address = ("127.0.0.1", installation.settings.web_port)
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(address)) for _ in range(number)]
        for client in clients:
            client.sendall(request)
        time.sleep(1)
        for client in clients:
            client.sendall(b"a")
        yield


@pytest.mark.parametrize(
    ("request_so_far", "clients"),
    [
        (HALF_A_HEAD, 200),
        (b"", 200),
        (b"\r\n\r\nGET", 200),
        (LONG_HEAD, 100),
        (AHEAD, 100),
        (HALF_A_BODY, 12),
        (LAST_REQUEST, 200),
    ],
    ids=["head", "nothing", "empty lines", "long head", "sent ahead", "body", "not closed"],
)
def test_slow_clients_do_not_delay_others(patient: Installation, request_so_far: bytes, clients: int) -> None:
    """While slow clients are connected, more than there are threads, other requests need not wait until they leave."""
    with half_sent(patient, request_so_far, clients):
        for _ in range(20):
            assert fetch(patient, "/tools/expensive_greet").status == 200


def test_a_stalled_client_is_disconnected(installation: Installation) -> None:
    """A client that stops within the head has 5 seconds. One that stops within the body gets 400 after 15.

    One that does not read a file or a page is disconnected, too, and one that polls and then sends a head too slowly.
    """
    address, began = ("127.0.0.1", installation.settings.web_port), time.monotonic()
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        slow = pool.submit(send_slowly_after_polls, address)
        head, body, *deaf = (stack.enter_context(socket.create_connection(address)) for _ in range(4))
        head.sendall(HALF_A_HEAD)
        body.sendall(HALF_A_BODY)
        for client, path in zip(deaf, (b"/static/htmx-4.0.1.min.js", b"/help"), strict=True):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # it would grow by itself
            client.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path * 500)
        assert received(head) == b""
        assert time.monotonic() - began > 4
        assert received(body).startswith(b"HTTP/1.1 400 ")
        assert time.monotonic() - began > 14
        ports = {client.getsockname()[1] for client in deaf}
        wait_for(lambda: ports.isdisjoint(served_ports(installation)))
        slow.result()


def send_slowly_after_polls(address: tuple[str, int]) -> None:
    """Poll twice, and send a head byte by byte until the server closes the connection."""
    with socket.create_connection(address, PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2):
            time.sleep(0.6)
            client.sendall(POLL)
            assert status(client) == 200
        with suppress(ConnectionError):
            for byte in HALF_A_HEAD + b"a" * 100 * PATIENCE:
                client.sendall(bytes([byte]))
                time.sleep(0.005)
            pytest.fail("the connection is still open")


def served_ports(installation: Installation) -> set[int]:
    """Return the ports of the clients whose connections the web server has open."""
    processes = psutil.Process(installation.pid("web")).children()
    return {found.raddr.port for process in processes for found in process.net_connections() if found.raddr}


def test_many_connections_end_no_process(own_installation: Installation) -> None:
    """Those for which there is no descriptor wait. Otherwise other requests of the same process would be cut off."""
    site = own_installation
    site.launch("web")
    resource.prlimit(site.pid("web"), resource.RLIMIT_NOFILE, (200, 200))
    wait_for(lambda: site.answers("web"))
    with half_sent(site, HALF_A_HEAD, 500):
        assert fetch(site, "/tools/expensive_greet").status == 200
    assert "Too many open files" not in site.log.read_text()


def test_a_refused_thread_ends_no_process(own_installation: Installation) -> None:
    """The threads that a process has answer the requests. A new one would need 8 MiB for its stack."""
    site = own_installation
    site.start("web")
    master = psutil.Process(site.pid("web"))
    wait_for(lambda: len(master.children()) == 2)
    processes = master.children()
    wait_for(lambda: min(process.num_threads() for process in processes) >= 3)  # one of them answers requests
    for process in processes:
        process.rlimit(resource.RLIMIT_AS, (process.memory_info().vms + 6 * 2**20,) * 2)
    with half_sent(site, HALF_A_BODY, 4):
        wait_for(lambda: "a thread of the web could not be started" in site.log.read_text())
    with ThreadPoolExecutor(32) as clients:
        statuses = {fetched.status for fetched in clients.map(lambda _: fetch(site, "/health/live"), range(200))}
    assert statuses == {200}, site.log.read_text()
    assert master.children() == processes


def test_a_client_that_leaves_within_the_head_is_disconnected_at_once(patient: Installation) -> None:
    """Nothing waits for the rest of its request."""
    with socket.create_connection(("127.0.0.1", patient.settings.web_port), timeout=PATIENCE) as client:
        client.sendall(HALF_A_HEAD)
        time.sleep(0.2)
        client.shutdown(socket.SHUT_WR)
        assert received(client) == b""


def test_requests_in_pieces_and_in_sequence_are_answered(patient: Installation) -> None:
    """A head may arrive byte by byte, also that of a later request on the connection, or of one sent ahead or again."""
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    form = b"POST /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\na"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", patient.settings.web_port), timeout=PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            client.sendall(bytes([byte]))
            time.sleep(0.01)
        assert status(client) == 200
        for repeated in (request, request, form, form, request):
            client.sendall(repeated)
            assert status(client) == (405 if repeated == form else 200)
        client.sendall(request + last)
        assert received(client).count(b"HTTP/1.1 200 ") == 2


def status(client: socket.socket) -> int:
    """Receive one response, and return its status."""
    response = HTTPResponse(client)
    response.begin()
    response.read()
    return response.status


def test_the_polls_of_a_page_are_answered(installation: Installation) -> None:
    """They wait for others, and also on such a connection, other requests and one that is sent ahead are answered."""
    with socket.create_connection(("127.0.0.1", installation.settings.web_port), timeout=30) as client:
        for request in (POLL, POLL, POLL.replace(b"PTag", b"Other"), POLL):
            time.sleep(0.6)  # as long as makes a poll one of a page
            client.sendall(request)
            assert status(client) == 200
        client.sendall(POLL + LAST_REQUEST)
        assert received(client).count(b"HTTP/1.1 200 ") == 2


def test_a_client_that_sends_many_requests_at_once_has_to_wait(installation: Installation) -> None:
    """A process takes the next ones when it has answered the last. Otherwise they would fill its memory."""
    request, sent, got = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n", 0, 0
    more = memoryview(request * 350_000)  # more than the buffers of the kernel hold
    with socket.create_connection(("127.0.0.1", installation.settings.web_port)) as client:
        client.setblocking(False)
        while got < 300:
            to_read, to_write, _ = select.select([client], [client] if sent < len(more) else [], [], PATIENCE)
            got += client.recv(65_536).count(b"HTTP/1.1 200 ") if to_read else 0
            sent += client.send(more[sent : sent + 65_536]) if to_write else 0
    assert sent < len(more)


def received(client: socket.socket) -> bytes:
    """Return everything that the server sends until it closes the connection."""
    with suppress(ConnectionResetError):
        return b"".join(iter(lambda: client.recv(65536), b""))
    return b""


def test_without_a_proxy_forwarded_headers_are_ignored(installation: Installation) -> None:
    """The application does not use them, and nor does gunicorn, which by default trusts clients on this machine."""
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "SCRIPT_NAME": "/evil"}
    answer = fetch(installation, "/", **forged)
    assert "Strict-Transport-Security" not in answer.headers
    assert "evil" not in answer.body


def test_replacing_a_worker_fails_no_request(own_installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """gunicorn replaces a worker after max_requests, here set low, and every request still succeeds."""
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--max-requests 20 --max-requests-jitter 5")
    own_installation.start("web")
    assert [fetch(own_installation, "/").status for _ in range(200)] == [200] * 200
    assert own_installation.log.read_text().count("a process of the web is replaced") > 2


def test_a_request_waits_while_all_threads_are_busy(
    own_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes, as while Redis hangs: the time for a head is that of the client, who has sent it."""
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 1 --threads 1")
    monkeypatch.setenv("_BODY_SECONDS", "120")
    own_installation.start("web")
    with ThreadPoolExecutor() as pool, half_sent(own_installation, HALF_A_BODY, 1):
        answer = pool.submit(fetch, own_installation, "/health/live")
        time.sleep(7)  # longer than a client has for a head
        assert not answer.done()
    assert answer.result().status == 200


def test_threads_share_two_arenas_of_memory(installation: Installation) -> None:
    """glibc aligns each arena but the first to 64 MiB, or a part of one if it is larger."""
    processes = psutil.Process(installation.pid("web")).children()
    with (
        half_sent(installation, HALF_A_BODY, 30),
        ThreadPoolExecutor(64) as clients,
    ):  # fewer than a process has threads
        wait_for(lambda: max(process.num_threads() for process in processes) > 16)
        answers = clients.map(lambda _: fetch(installation, "/tools/phmmer").status, range(320))
        assert set(answers) == {200}
    for process in processes:
        starts = [
            int(line.partition("-")[0], 16) for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines()
        ]
        # Any mapping may be aligned by chance. Without the limit there are 16 or more.
        assert sum(start % (64 * 2**20) == 0 for start in starts) <= 4
