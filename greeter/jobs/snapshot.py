"""What one reading of a job's record returns."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Snapshot(TypedDict):
    """What lua/read.lua returns. Times are seconds since the epoch, by the clock of Redis."""

    state: str
    tool: str
    submitted: str
    attempts: str
    elapsed: int
    workers: int
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
    silence: NotRequired[int]
    ahead: NotRequired[int]
