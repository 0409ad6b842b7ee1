"""Reading and checking the crates of jobs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tests.conftest import UNMEASURED

PROFILE = "process-run-crate-0.5"
CONTEXT = Path(__file__).with_name("ro_crate_context.json")
"""Those terms of https://w3id.org/ro/crate/1.1/context that the crates use: with others, the check fails."""


def read_crate(content: bytes) -> tuple[dict[str, dict[str, Any]], dict[str, bytes]]:
    """Return the entities of a crate by their ids, and its files by their paths, without the metadata."""
    with ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    graph = json.loads(files.pop("ro-crate-metadata.json"))["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph)
    described = {name: entity["sha256"] for name, entity in entities.items() if entity["@type"] == "File"}
    assert described == {name: sha256(content).hexdigest() for name, content in files.items()}
    assert {name: entities[name]["contentSize"] for name in files} == {n: str(len(files[n])) for n in files}
    return entities, files


def problems(folder: Path, content: bytes) -> str:
    """Check a crate with the validator of the RO-Crate community, which reads a folder, without a network.

    Returns its report on what the profiles require or recommend and the crate lacks; empty if it has everything.
    """
    (folder / "crate.zip").write_bytes(content)
    _cache(folder / "cache")
    command = [str(Path(sys.executable).parent / "rocrate-validator"), "validate", "--offline", "--cache-path", "cache"]
    options = ["--profile-identifier", PROFILE, "--requirement-severity", "recommended", "--verbose", "--no-paging"]
    environ = os.environ | UNMEASURED
    ended = subprocess.run(
        [*command, *options, "crate.zip"], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr if ended.returncode else ""


def _cache(path: Path) -> None:
    """Write the context where the validator looks before it asks w3id.org."""
    # Here, because all processes of pytest import this file, and these take a tenth of a second.
    from requests import Request
    from requests.structures import CaseInsensitiveDict
    from requests_cache import CachedSession
    from requests_cache.models.request import CachedRequest
    from requests_cache.models.response import CachedResponse

    url = "https://w3id.org/ro/crate/1.1/context"
    with CachedSession(str(path), backend="sqlite", expire_after=-1) as session:
        request = session.prepare_request(Request("GET", url))
        session.cache.responses[session.cache.create_key(request)] = CachedResponse(
            status_code=200,
            url=url,
            headers=CaseInsensitiveDict({"Content-Type": "application/ld+json"}),
            content=CONTEXT.read_bytes(),
            request=CachedRequest.from_request(request),
        )
