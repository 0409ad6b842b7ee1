"""The application factory: trusted hosts, proxies and URL prefixes."""

import re
from pathlib import Path

import pytest
from flask import Flask, request, url_for

from greeter import create_app
from greeter.settings import Settings

OTHERS = ["evil.example", "localhost.evil.example", "notlocalhost"]
INVALID = ["a..b", "", "a b", "a/b", "u@h", "[", "x" * 300, "localhost:99999", "localhost:", '">']


@pytest.mark.parametrize("host", OTHERS + INVALID)
def test_an_untrusted_host_gets_an_error_page(tmp_path: Path, host: str) -> None:
    """The status is 400, and the page is the site's own, with working links."""
    app = create_app(Settings(data_dir=tmp_path, trusted_hosts=("localhost", ".greeter.example")))
    answer = app.test_client().get("/tools/phmmer", headers={"Host": host})
    assert answer.status_code == 400
    assert "Open this site at its usual address" in answer.text
    assert 'href="/static/style.css"' in answer.text


def test_trusted_hosts_match_any_port_and_subdomains_after_a_dot(tmp_path: Path) -> None:
    """A name with a leading dot matches the domain and its subdomains; an empty setting accepts every host."""
    app = create_app(Settings(data_dir=tmp_path, trusted_hosts=("localhost", ".greeter.example")))
    for host in ("localhost", "localhost:5554", "greeter.example", "www.greeter.example:443"):
        assert app.test_client().get("/", headers={"Host": host}).status_code == 200
    anyone = create_app(Settings(data_dir=tmp_path)).test_client()
    assert {anyone.get("/", headers={"Host": host}).status_code for host in OTHERS} == {200}


@pytest.mark.parametrize("host", INVALID)
def test_an_invalid_host_is_refused_though_every_host_is_trusted(tmp_path: Path, host: str) -> None:
    """Links would have no host, such as http:///api/v1/processes."""
    anyone = create_app(Settings(data_dir=tmp_path)).test_client()
    assert "Open this site at its usual address" in anyone.get("/", headers={"Host": host}).text
    answer = anyone.get("/api/v1/processes", headers={"Host": host})
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert answer.json["detail"].startswith("Check the host name")


@pytest.mark.parametrize(
    ("hops", "client_address", "link"),
    [
        (0, "127.0.0.1", "http://localhost/tools/phmmer"),
        (1, "203.0.113.9", "https://two.example/b/tools/phmmer"),
        (2, "203.0.113.8", "https://one.example/a/tools/phmmer"),
    ],
)
def test_only_configured_proxies_are_trusted(tmp_path: Path, hops: int, client_address: str, link: str) -> None:
    """Each proxy appends to the right, so values that a client forged stay at the left and are ignored."""
    app = create_app(Settings(data_dir=tmp_path, proxy_hops=hops))
    seen = address_and_link(app)
    assert seen == [client_address, link]


def address_and_link(app: Flask) -> list[str]:
    """Return the client address and the external link that the application derives from forged headers."""

    @app.get("/seen")
    def seen() -> list[str]:
        return [str(request.remote_addr), url_for("pages.tool", name="phmmer", _external=True)]

    headers = {
        "X-Forwarded-For": "198.51.100.1, 203.0.113.8, 203.0.113.9",
        "X-Forwarded-Proto": "gopher, https, https",
        "X-Forwarded-Host": "evil.example, one.example, two.example",
        "X-Forwarded-Prefix": "/evil, /a, /b",
    }
    return list(app.test_client().get("/seen", headers=headers).get_json())


def test_all_links_of_a_page_have_the_url_prefix(tmp_path: Path) -> None:
    """X-Forwarded-Prefix precedes links, forms and static files, on the 404 page too."""
    visitor = create_app(Settings(data_dir=tmp_path, proxy_hops=1)).test_client()
    for path in ("/tools/phmmer", "/nowhere"):
        page = visitor.get(path, headers={"X-Forwarded-Prefix": "/greeter"}).text
        links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
        assert len(links) > 3
        assert all(link.startswith("/greeter/") for link in links)
