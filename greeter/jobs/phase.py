"""The phases of a job."""

from enum import StrEnum

from celery import states


class Phase(StrEnum):
    """The phases of a job as shown to users. The Lua scripts use a single phase, `ended`, for the last four.

    STOPPED means a partial result at the time limit.
    """

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    CANCELLED = "cancelled"


_PHASES = {
    states.PENDING: Phase.WAITING,
    states.SUCCESS: Phase.FINISHED,
    states.FAILURE: Phase.FAILED,
    states.REVOKED: Phase.CANCELLED,
}


def phase_of(state: str, partial: bool) -> Phase:
    """Return the phase of a job. A state that a tool has set itself counts as running.

    `partial` means that the result is a fallback.
    """
    if state == states.SUCCESS and partial:
        return Phase.STOPPED
    return _PHASES.get(state, Phase.RUNNING)
