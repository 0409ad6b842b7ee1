"""The header Idempotency-Key, with which a request that is sent again gives the same job."""

import json
from collections.abc import Mapping
from hashlib import sha256

from flask import request

from greeter.toolkit.checksums import sha256_of
from greeter.toolkit.tool import Tool
from greeter.toolkit.upload import Upload
from greeter.web.api.problem import Problem
from greeter.web.input.forms import Submitted

_LONGEST = 255  # characters


def read_key() -> str:
    """Return the key of the current request, or an empty text. Raises Problem if it cannot be used."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > _LONGEST or ("Idempotency-Key" in request.headers and not key):
        detail = f"Send a key of 1 to {_LONGEST} characters, such as a UUID, or none."
        raise Problem(400, "The Idempotency-Key cannot be used", detail)
    return key


def hash_of(key: str, client: str, tool: Tool, label: str, sent: Mapping[str, Submitted]) -> str:
    """Return what stands for a request.

    Args:
        key: Its key.
        client: Who sends it, so that another client with the same key does not get this job.
        tool: The tool to execute.
        label: The name of the job.
        sent: The values as they were sent, because the job that they mean may be another one later: a database without
            a version means the newest one.

    Returns:
        A SHA-256 in hexadecimal digits.

    Raises:
        OSError: A file that was sent could not be stored.
    """
    sums = {name: [_sum(value) for value in values] for name, values in sent.items()}
    return sha256(json.dumps([key, client, tool.name, label, sums], sort_keys=True).encode()).hexdigest()


def _sum(value: str | Upload) -> str:
    if isinstance(value, str):
        return sha256(value.encode()).hexdigest()
    if value.error:
        raise value.error
    return f"{value.size} {sha256_of(value.path)}"  # the size, because a file that is too large was emptied
