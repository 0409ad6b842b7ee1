"""The worker's entry, and Flower's: `celery -A greeter.worker worker`. Nothing imports it."""

import ctypes
import os
import resource
import signal
import sys
from secrets import token_hex
from socket import gethostname
from threading import Thread
from typing import Any

from celery.signals import celeryd_init, heartbeat_sent, setup_logging, worker_process_init, worker_shutting_down

from greeter import tools
from greeter.jobs import redis_check
from greeter.jobs.service import Queue
from greeter.jobs.sweeper import Keeper
from greeter.logs import configure
from greeter.settings import Settings

settings = Settings.load()
configure(settings.production)
app = Queue(settings, tools.load().values())
app.set_default()  # so that AsyncResult(job_id) needs no app
app.worker_id = f"{gethostname()}-{token_hex(8)}"
keeper = Keeper(app)

# A worker waits for messages in calls of one second, and has nobody who waits for its answer.
app.conf.broker_transport_options |= {"socket_timeout": 10, "socket_connect_timeout": 3, "socket_keepalive": True}
# One that refuses to write, as when its disk is full, refuses messages too; that must not end a worker.
app.conf.broker_channel_error_retry = True
# A job that has ended must not be lost because Redis is away at that second.
app.conf.result_backend_always_retry = True
app.conf.result_backend_max_retries = 10**9
app.conf.result_backend_base_sleep_between_retries_ms = 200
app.conf.result_backend_max_sleep_between_retries_ms = 5000


@setup_logging.connect
def _log(**_: Any) -> None:
    """Keep Celery from setting up the log: it does not when somebody else does."""


@celeryd_init.connect
def _check_redis(**_: Any) -> None:
    redis_check.check(settings.redis_url)


@worker_process_init.connect
def _stand_alone(**_: Any) -> None:
    """Let a process that runs jobs live as long as its worker: no signal to the group ends it before."""
    app.process = os.getpid()
    os.setpgrp()
    resource.setrlimit(resource.RLIMIT_FSIZE, (settings.max_file_bytes, settings.max_file_bytes))
    if sys.platform == "linux":
        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


@heartbeat_sent.connect
def _tend(**_: Any) -> None:
    keeper.tend()


@worker_shutting_down.connect
def _release(**_: Any) -> None:
    # In a thread, because this is a signal's handler, and what it interrupts may hold a lock.
    Thread(target=keeper.release, name="release").start()
