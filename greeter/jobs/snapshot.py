"""What one reading of a job's record returns."""

from __future__ import annotations

import json
from typing import Any, NotRequired, TypedDict


class Snapshot(TypedDict):
    """What lua/read.lua returns. Times are seconds since the epoch, by the clock of Redis."""

    state: str
    tool: str
    submitted: str
    attempts: str
    elapsed: int
    workers: int
    queue: str
    today: int
    started: NotRequired[str]
    ended: NotRequired[str]
    label: NotRequired[str]
    request: NotRequired[str]
    progress: NotRequired[str]
    result: NotRequired[str]
    partial: NotRequired[str]
    cancel_requested: NotRequired[str]
    claims: NotRequired[str]
    mail: NotRequired[str]
    silence: NotRequired[int]
    ahead: NotRequired[int]


def read_json(text: str) -> Any:
    """Decode what a tool stored in a record; NaN and Infinity, which are not JSON, become None."""
    return json.loads(text, parse_constant=lambda name: None)
