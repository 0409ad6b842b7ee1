"""Why a job is refused, does not exist or cannot be changed."""

from celery.exceptions import Reject
from kombu.exceptions import OperationalError
from redis import RedisError

UNAVAILABLE = (OperationalError, RedisError)
"""The exceptions raised when Redis is down, does not answer, or refuses to write."""


class NotConfirmed(RedisError):
    """Too few replicas of Redis confirmed a change in time. It was made, but a failover may lose it."""


class JobNotFound(LookupError):
    """There is no job with this id: it never existed, or it was removed."""


class ToolChanged(Reject):
    """The job was submitted with other parameters than those of this worker's tool.

    Celery passes a Reject to the main process, which leaves the job to another worker.
    """


class QueueFull(Exception):
    """MAX_WAITING jobs are waiting already."""


class Unfit(Exception):
    """Jobs cannot be stored: DATA_DIR cannot be used, or does not belong to this Redis."""


class TooManyJobs(Exception):
    """The client has MAX_ACTIVE jobs waiting or running already."""


class TooManyBytes(Exception):
    """The jobs of the client would take more than MAX_CLIENT_BYTES."""


class StorageFull(Exception):
    """All jobs together would take more than MAX_TOTAL_BYTES."""


class DatabaseRemoved(Exception):
    """A database of the job was removed after its form was checked."""


REFUSALS = {
    "waiting": QueueFull,
    "active": TooManyJobs,
    "owner_bytes": TooManyBytes,
    "bytes": StorageFull,
    "database": DatabaseRemoved,
}
"""What create.lua returns instead of an id, and its exception."""
