"""Static checks of the Dockerfile and compose.yml, without a container engine; `make lint` also runs hadolint."""

import re
import shlex

import yaml

from greeter.settings import Settings
from tests.conftest import PROCFILE, ROOT

COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()


def test_image_copies_only_what_it_needs_and_does_not_run_as_root() -> None:
    """Every copied file exists and passes .dockerignore, nothing else passes, and the user is not root."""
    copied = {name for line in re.findall("^COPY (?!--)(.*) ", DOCKERFILE, re.MULTILINE) for name in line.split()}
    assert copied == {
        "requirements.txt", "wsgi.py", "gunicorn.conf.py", "flowerconfig.py", "templates", "static", "greeter"
    }  # fmt: skip
    assert all((ROOT / name).exists() for name in copied)
    ignore = (ROOT / "deploy/Dockerfile.dockerignore").read_text()
    assert set(re.findall("^!(.*)", ignore, re.MULTILINE)) == copied
    assert re.findall("^USER (.*)", DOCKERFILE, re.MULTILINE) == ["10001"]


def test_only_the_web_service_is_published_and_only_on_loopback() -> None:
    """The web service is reachable only through a proxy on the same machine; Flower and Valkey are not reachable."""
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:5554:5554"]}


def test_services_run_the_commands_of_the_procfile() -> None:
    """Each service runs the same command as in the Procfile, and every setting in its environment exists."""
    services = COMPOSE["services"]
    for name in ("worker", "flower"):
        assert services[name]["command"] == shlex.split(PROCFILE[name])[1:]
    assert f"CMD {shlex.split(PROCFILE['web'])[1:]}".replace("'", '"') in DOCKERFILE
    for service in services.values():
        names = {name.lower() for name in service["environment"]} - {"valkey_password"}
        assert names <= set(vars(Settings()))


def test_the_containers_have_the_folder_of_the_site() -> None:
    """It is mounted, so that no image has to be built for a change, where SITE_DIR says, and read-only."""
    for name in ("web", "worker", "flower"):
        service = COMPOSE["services"][name]
        assert f"../site:{service['environment']['SITE_DIR']}:ro" in service["volumes"]
    assert (ROOT / "deploy/../site").is_dir()


def test_the_worker_has_memory_for_its_jobs() -> None:
    """Its default limit is that of all its jobs and 1 GiB, without swap."""
    worker, settings = COMPOSE["services"]["worker"], Settings()
    needed = settings.worker_concurrency * settings.job_memory // 2**30 + 1
    assert worker["mem_limit"] == worker["memswap_limit"] == f"${{WORKER_MEM_LIMIT:-{needed}g}}"
