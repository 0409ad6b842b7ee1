"""The phases of a job."""

from enum import StrEnum

from celery import states


class Phase(StrEnum):
    """The phases of a job as shown to users."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"  # at the time limit, with a partial result
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
