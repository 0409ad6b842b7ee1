"""The Celery app: its settings, and what its tasks and its result backend share."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

from greeter.jobs.records.store import Store
from greeter.jobs.runner import Runner
from greeter.jobs.service import JobService
from greeter.jobs.worker.pool_process import PoolProcess
from greeter.redis_url import RedisUrl
from greeter.settings import Settings

if TYPE_CHECKING:  # it imports Celery's worker, which the web does not need
    from greeter.jobs.recovery.intake import Intake

# Registered under the schemes of their URLs, because Flower does not recognize a broker by the path of its class.
TRANSPORT_ALIASES["redis"] = "greeter.jobs.worker.transport:Transport"
TRANSPORT_ALIASES["sentinel"] = "greeter.jobs.worker.transport:SentinelTransport"


class CeleryApp(Celery):
    """The Celery app of an installation."""

    pool_process: PoolProcess  # only in a pool process of a worker
    tools: Collection[str] = ()  # the names and the signatures of the tools of this worker
    intake: "Intake"  # the queues of this worker; only in its main process

    def __init__(self, settings: Settings) -> None:
        super().__init__("greeter")
        self.settings = settings
        self.jobs = JobService(Store(settings), settings.min_free_bytes)
        self.runner = Runner()  # the identity of this process, if it is a worker's
        self.conf.update(_configuration(settings))


def _configuration(settings: Settings) -> dict[str, object]:
    """Return Celery's settings. The reasons were measured with Celery 5.7.0; see docs/decisions/."""
    return {
        **RedisUrl.parse(settings.redis_url).broker(
            socket_timeout=10,  # a worker waits for messages in calls of one second
            socket_connect_timeout=3,
            socket_keepalive=True,
            retry_on_timeout=False,
            # kombu would write each message to a hash and remove it from there when the job starts. It is not needed:
            # a waiting job whose message is lost is sent again.
            ack_emulation=False,
            priority_steps=[0],  # one list for each queue, not four: a worker waits for messages in all of them
        ),
        "result_backend": "greeter.jobs.backend.JobBackend",
        "result_backend_thread_safe": True,  # one backend for all threads of a web process
        "accept_content": ["json"],
        "worker_concurrency": settings.worker_concurrency,
        # A message is acknowledged when its job starts, and no worker prefetches. Otherwise a worker that is polling
        # exits when Redis restarts, and a job that outlives the visibility timeout runs twice at once.
        "task_acks_late": False,
        "worker_disable_prefetch": True,
        "worker_prefetch_multiplier": 1,
        # Do not wait for the result of a lost process: what it wrote is in the record.
        "worker_lost_wait": 0.5,
        # Redis may start later, and may be unavailable for a long time.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # Flower needs these events.
        "worker_send_task_events": True,
        "worker_consumer": "greeter.jobs.worker.consumer:Consumer",
        "worker_pool": "greeter.jobs.worker.pool:TaskPool",
    }
