"""A site with a name of its own: nothing that a visitor, a log reader or Prometheus sees says greeter."""

from __future__ import annotations

import io
import re
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import urljoin

import pytest

from tests.conftest import PATIENCE, ROOT, Installation, wait_for
from tests.http import Response, fetch, post, wait_for_end

TOKEN = "a token of sixteen or more"
LINK = re.compile(r'(?:href|src|action|hx-get)="([^"#]+)')


def text_of(response: Response) -> str:
    """The head and the body of a response, with the names and the content of the files if it is a ZIP archive."""
    body = response.raw
    if response.headers.get_content_type() == "application/zip":
        archive = zipfile.ZipFile(io.BytesIO(body))
        body = b"\n".join(name.encode() + b"\n" + archive.read(name) for name in archive.namelist())
    return f"{response.status}\n{response.headers}\n{body.decode(errors='replace')}"


def without_values(path: str) -> tuple[str, ...]:
    """A path with the names of its query parameters, without their values."""
    place, _, query = path.partition("?")
    return place, *sorted({parameter.partition("=")[0] for parameter in query.split("&")})


def crawl(get: Callable[[str], Response], starts: Iterable[str]) -> dict[str, str]:
    """Follow the links and forms of a site, as GET requests, and return what it sends, by path.

    Of addresses that differ only in the values of parameters, such as the orders of a table, one is enough.
    """
    seen: dict[str, str] = {}
    known = set[tuple[str, ...]]()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if without_values(path) not in known:
            known.add(without_values(path))
            answer = get(path)
            seen[path] = text_of(answer)
            if answer.headers.get_content_type() == "text/html":
                found = (urljoin(path, link.replace("&amp;", "&")) for link in LINK.findall(answer.body))
                waiting += [link for link in found if re.match("/(?!/)", link)]
    return seen


def faults(site: Installation) -> dict[str, str]:
    """What the site sends when something is wrong with a request, by what is wrong."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answers = {
        "not found": fetch(site, "/nowhere"),
        "a job that is gone": fetch(site, f"/jobs/{'0' * 32}/progress"),
        "a wrong method": fetch(site, "/help", "POST"),
        "a wrong value": post(site, "/tools/phmmer", query="1"),
        "another site": fetch(site, "/tools/phmmer", "POST", "", **form, **{"Sec-Fetch-Site": "cross-site"}),
        "a compressed body": fetch(site, "/tools/phmmer", "POST", "", **{"Content-Encoding": "gzip"}),
        "too much": fetch(site, "/tools/phmmer", "POST", "a=" + "x" * 17_000_000, **form),
        "another host": fetch(site, "/", Host="elsewhere.example"),
        "a malformed head": fetch(site, "/", **{"Content-Length": "x"}),
        "no token": fetch(site, "/metrics"),
    }
    statuses = [answer.status for answer in answers.values()]
    assert statuses == [404, 404, 405, 422, 403, 415, 413, 400, 400, 401]
    return {name: text_of(answer) for name, answer in answers.items()}


def named_in(shown: dict[str, str]) -> dict[str, list[str]]:
    """The lines that say greeter, by where they are."""
    found = {place: [line for line in text.splitlines() if "greeter" in line.lower()] for place, text in shown.items()}
    return {place: lines for place, lines in found.items() if lines}


@pytest.mark.slow
def test_nothing_says_greeter(own_installation: Installation) -> None:
    """No page, header, download, file of a ZIP archive, error, page of Flower, metric or log line does."""
    site = own_installation
    site.settings = replace(
        site.settings,
        production=True,
        trusted_hosts=("127.0.0.1",),
        contact="me@fold.example",
        metrics_token=TOKEN,
        site_name="Fold Lab",
        site_credit=False,
    )
    site.start("redis", "worker-old", "web-old", "flower-old")  # those of the Procfile, without the tools of the tests

    def accepted(tool: str, **fields: str) -> str:
        """Submit until the web, which waits only a second for Redis, accepts it."""
        return wait_for(lambda: post(site, f"/tools/{tool}", **fields).headers["Location"])

    running = accepted("expensive_greet", person="Ada", total="600")
    wait_for(lambda: "Running" in fetch(site, running).body)
    shown = {"running": text_of(fetch(site, running)), "a poll": text_of(fetch(site, running + "/progress"))}
    wait_for(lambda: post(site, running + "/cancel").status == 303)
    ended = accepted(
        "phmmer", query=">a\nMKVLAWTRHMKVLAWTRH", targets=">b\nMKVLAWTRHMKVLAWTRH", evalue="10", label="mine"
    )
    for job in (running, ended):
        wait_for_end(site, job)
        shown[f"the end of {job}"] = text_of(fetch(site, job + "/progress"))
    for path in ("/metrics", "/metrics"):  # the second has the requests before it
        shown[path] = text_of(fetch(site, path, Authorization=f"Bearer {TOKEN}"))
    assert "site_jobs_ended_total" in shown["/metrics"]

    paths = ["/", "/health/live", "/health/ready", running, ended, ended + ".json", ended + "/job.zip"]
    pages = crawl(lambda path: fetch(site, path), paths)
    assert {"/help", "/static/style.css", "/jobs/sample-phmmer", ended + "/delete"} < set(pages)
    assert all("Fold Lab" in text for text in pages.values() if "<!doctype" in text)
    assert len(pages) > 30

    login = f"Basic {b64encode(site.settings.flower_basic_auth.encode()).decode()}"

    def of_flower(path: str) -> Response:
        connection = HTTPConnection("127.0.0.1", site.settings.flower_port, timeout=PATIENCE)
        connection.request("GET", path, headers={"Authorization": login})
        with closing(connection), connection.getresponse() as response:
            return Response(response, response.read())

    worker = wait_for(lambda: re.search("worker-old@test", of_flower("/workers").body))
    monitor = crawl(of_flower, ["/workers", "/tasks", "/broker", "/metrics", f"/worker/{worker[0]}"])
    configuration = f"/worker/{worker[0]}"  # has the names of modules, as a traceback in the log has
    assert "phmmer" in monitor[configuration]
    monitor[configuration] = re.sub(r"greeter(\.\w+)+", "", monitor[configuration])
    shown |= pages | faults(site) | {f"Flower: {path}": text for path, text in monitor.items()}

    wait_for(lambda: post(site, ended + "/delete").status in (200, 404))
    site.stop("web-old", "worker-old", "flower-old")
    shown["log"] = site.log.read_text().replace(str(ROOT), "")  # whose last part is greeter in most clones
    assert "submitted" in shown["log"]
    assert named_in(shown) == {}


def test_a_name_would_be_found() -> None:
    """In any part of what is shown, and in any spelling."""
    assert named_in({"a": "x\nServer: Greeter/1", "b": "greet", "c": "my_greeter_x"}) == {
        "a": ["Server: Greeter/1"],
        "c": ["my_greeter_x"],
    }
