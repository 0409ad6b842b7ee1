"""The Dockerfile and compose.yml, as far as they can be judged without an engine; `make lint` runs hadolint."""

import re
import shlex

import yaml

from greeter.settings import Settings
from tests.conftest import PROCFILE, ROOT

COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()


def test_the_image_has_what_it_needs_and_no_more() -> None:
    """Every file that is copied exists and is let through, and nobody is root."""
    copied = {name for line in re.findall("^COPY (?!--)(.*) ", DOCKERFILE, re.MULTILINE) for name in line.split()}
    assert copied == {
        "requirements.txt", "wsgi.py", "gunicorn.conf.py", "flowerconfig.py", "templates", "static", "greeter"
    }  # fmt: skip
    assert all((ROOT / name).exists() for name in copied)
    ignore = (ROOT / "deploy/Dockerfile.dockerignore").read_text()
    assert set(re.findall("^!(.*)", ignore, re.MULTILINE)) == copied
    assert re.findall("^USER (.*)", DOCKERFILE, re.MULTILINE) == ["10001"]


def test_only_the_web_is_published_and_only_to_this_machine() -> None:
    """A proxy on the same machine stands before it."""
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:5554:5554"]}


def test_the_services_are_those_of_the_procfile() -> None:
    """The same commands, with settings that exist."""
    services = COMPOSE["services"]
    for name in ("worker", "flower"):
        assert services[name]["command"] == shlex.split(PROCFILE[name])[1:]
    assert f"CMD {shlex.split(PROCFILE['web'])[1:]}".replace("'", '"') in DOCKERFILE
    for service in services.values():
        names = {name.lower() for name in service["environment"]} - {"valkey_password"}
        assert names <= set(vars(Settings()))
