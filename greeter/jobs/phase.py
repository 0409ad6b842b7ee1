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


OF_STATE = {
    states.PENDING: Phase.WAITING,
    states.SUCCESS: Phase.FINISHED,
    states.FAILURE: Phase.FAILED,
    states.REVOKED: Phase.CANCELLED,
}
"""The phase for each of Celery's states; any other one is of a running job."""
