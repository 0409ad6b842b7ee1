"""The app of a worker: `python -m greeter.celery_command --app greeter.worker worker`."""

import gc
import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace

from celery import signals
from celery.apps import worker as celery_worker
from celery.worker import state
from celery.worker.control import control_command
from kombu import Queue
from redis import RedisError

from greeter import output, tools
from greeter.jobs.errors import JobNotFound
from greeter.jobs.mail.mailer import Mailer
from greeter.jobs.records import redis_check
from greeter.jobs.recovery.intake import Intake, queues_to_serve
from greeter.jobs.recovery.sweeper import Sweeper
from greeter.jobs.recovery.watchdog import Watchdog
from greeter.jobs.runner import Runner
from greeter.jobs.worker import containment, fitness, resource_limits
from greeter.jobs.worker.celery_app import CeleryApp
from greeter.jobs.worker.consumer import Consumer
from greeter.jobs.worker.meter import Meter
from greeter.jobs.worker.pool_process import PoolProcess
from greeter.jobs.worker.registration import register_tools
from greeter.jobs.worker.shutdown import Shutdown
from greeter.logs import configure
from greeter.settings_loader import load_settings

log = logging.getLogger(__name__)
settings = load_settings()
configure(settings.production)
app = CeleryApp(settings)
app.set_default()  # so that AsyncResult(job_id) needs no app
resource_limits.limit_threads()  # before the tools load libraries
found = register_tools(app, tools.load().values())
queues = queues_to_serve(settings, found)
app.conf.task_queues = [Queue(name, routing_key=name) for name in queues]
# A job fails if no worker of its queue has its signature. The web asks for names, as do jobs of greeter 0.2.0.
names = [tool.name for tool in found] + [tool.signature for tool in found if tool.queue in queues]
app.tools = names
sweeper = Sweeper(app.jobs, "", queues, names)
meter = Meter(app.jobs)
mailer = Mailer(app.jobs.store, settings)
shutdown = Shutdown(app.jobs, mailer.stop)
watchdog = Watchdog(settings.silence_limit, app.jobs.store.upkeep.require_writes)

# Taking a message is a write, which Redis refuses when its disk is full. That must not end the worker.
app.conf.broker_channel_error_retry = True
# The result of a job must not be lost because Redis is unavailable when the job ends.
app.conf.result_backend_always_retry = True
app.conf.result_backend_max_retries = 10**9
app.conf.result_backend_base_sleep_between_retries_ms = 200
app.conf.result_backend_max_sleep_between_retries_ms = 5000


@signals.setup_logging.connect
def _keep_logging(**_: object) -> None:
    """Keep Celery from configuring the log; it does so unless this signal has a receiver."""


@signals.celeryd_init.connect
def _prepare_worker(sender: str, **_: object) -> None:
    app.runner = Runner.new_worker(sender)
    sweeper.worker = app.runner.worker
    redis_check.check(settings.redis_url)
    containment.prepare_worker(fitness.check(settings))
    watchdog.excuse()
    shutdown.prepare(app.runner.worker)
    meter.start(app.runner.worker)


@signals.worker_before_create_process.connect
def _share_memory(**_: object) -> None:
    app.backend  # noqa: B018  Celery looks for it in all installed packages when it is first used
    # The collector writes to all objects, which would copy the shared memory to each process.
    gc.collect()
    gc.freeze()


@signals.worker_process_init.connect
def _prepare_process(**_: object) -> None:
    try:
        app.runner = replace(app.runner, process=os.getpid())
        watchdog.watch()
        resource_limits.limit_process(settings.max_file_bytes)
        containment.prepare_pool_process()
        output.replace_standard_streams()
        app.pool_process = PoolProcess(app.jobs.store)
    except Exception:  # Celery would log it, and let the process run jobs without limits
        log.exception("a process could not be prepared, and is replaced")
        time.sleep(1)
        os._exit(os.EX_TEMPFAIL)


# Celery prints a farewell in the handler of a signal, and would wait until somebody reads it. shutdown logs one.
celery_worker.safe_say = lambda *_: None  # type: ignore[attr-defined]


@signals.worker_ready.connect
def _stop_in_one_way(**_: object) -> None:
    # After SIGHUP, Celery would restart and wait for its jobs, without heartbeats and limits. After SIGQUIT, it would
    # wait in its signal handler, before it sends worker_shutting_down, for a process that may have just got a job.
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.getsignal(signal.SIGTERM))


@signals.worker_ready.connect
def _watch_consumer(sender: Consumer, **_: object) -> None:
    sweeper.intake = app.intake = Intake(queues, sender)


@signals.task_unknown.connect
def _correct_flower(sender: Consumer, id: str, name: str, **_: object) -> None:  # noqa: A002  Celery's name
    """Report to Flower that a job is waiting again, after Celery has reported that it failed for lack of a task."""
    with suppress(JobNotFound, RedisError):
        if app.jobs.store.find(id).active and sender.event_dispatcher:
            sender.event_dispatcher.send("task-retried", uuid=id, exception=f"NotRegistered({name!r})")
            sender.event_dispatcher.flush()  # before another worker can say that the job has started


@control_command(name="drain")
def _drain(_state: object, **_: object) -> int:
    """Take no more jobs, and return how many this worker still has; `flask drain` calls it until there is none."""
    sweeper.intake.drain()
    return len(state.reserved_requests)


@signals.heartbeat_sent.connect
def _sweep(**_: object) -> None:
    watchdog.beat()
    sweeper.intake.kill_unresponsive_processes(settings.silence_limit // 2)  # this is called every two seconds
    sweeper.run()
    mailer.run()
    containment.terminate_leftovers()  # last, because it fails without descriptors


@signals.worker_shutting_down.connect
def _stop(**_: object) -> None:
    shutdown.start()


@signals.worker_shutdown.connect
def _wait_for_shutdown(**_: object) -> None:
    shutdown.wait()
