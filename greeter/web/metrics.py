"""Metrics for Prometheus: jobs by tool and phase, how long they ran, workers, and the duration of requests."""

import os
from collections.abc import Iterator
from contextlib import suppress
from hmac import compare_digest
from itertools import accumulate

from flask import Blueprint, Response, abort, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from redis import RedisError

from greeter.jobs.phase import Phase
from greeter.jobs.records.redis_check import risk
from greeter.jobs.records.statistics import QueueStatistics, Statistics
from greeter.web import health
from greeter.web.services import services

_ENDS = (Phase.FINISHED, Phase.STOPPED, Phase.FAILED, Phase.CANCELLED)

REQUEST_SECONDS = Histogram("site_request_seconds", "Time to answer a request.", ["route", "status"], registry=None)

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def metrics() -> Response:
    """Return all metrics in the format of Prometheus.

    Returns:
        The metrics; 401 without the bearer token METRICS_TOKEN; 404 if that setting is empty.
    """
    token = services().settings.metrics_token or abort(404)
    if not compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        return Response("Send the value of METRICS_TOKEN as the bearer token.\n", 401, {"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry()
    registry.register(_Jobs())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
    else:
        registry.register(REQUEST_SECONDS)
    return Response(generate_latest(registry), headers={"Cache-Control": "no-store"}, content_type=CONTENT_TYPE_LATEST)


class _Jobs(Collector):
    """Metrics from Redis, read in one round trip, and of the disk. The counts are exact and survive restarts."""

    def collect(self) -> Iterator[Metric]:
        jobs = services().jobs
        ready = not health.problem()
        yield GaugeMetricFamily("site_ready", "Whether a job submitted here now would run: /health/ready.", ready)
        with suppress(OSError):  # DATA_DIR cannot be read, as site_workers_unfit says
            free = jobs.fitness.space().bytes
            yield GaugeMetricFamily("site_disk_free_bytes", "Free bytes in DATA_DIR.", free)
        try:
            statistics = jobs.store.statistics()
            is_safe = not risk(jobs.store.redis)
        except RedisError:
            yield GaugeMetricFamily("site_redis_up", "Whether Redis answers.", 0)
            return
        yield GaugeMetricFamily("site_redis_up", "Whether Redis answers.", 1)
        yield GaugeMetricFamily("site_redis_safe", "1 if the configuration of Redis cannot lose jobs.", is_safe)
        yield from _queues(statistics)
        yield GaugeMetricFamily("site_workers_unfit", "Workers that cannot run jobs.", len(statistics.unfit))
        ended = CounterMetricFamily("site_jobs_ended", "Ended jobs by tool and phase.", labels=["tool", "phase"])
        seconds = HistogramMetricFamily("site_job_seconds", "How long ended jobs ran, in seconds.", labels=["tool"])
        # Prometheus sees no increase in the first value of a series, so each one starts at 0.
        zeros = {("ended", tool, end): 0.0 for tool in services().tools for end in _ENDS}
        for (kind, tool, *phase), number in (zeros | statistics.ended).items():
            if kind == "ended":
                ended.add_metric([tool, *phase], number)
            if kind == "seconds":
                seconds.add_metric([tool], _buckets(tool, statistics), number)
        yield ended
        yield seconds


def _queues(statistics: Statistics) -> Iterator[Metric]:
    """Yield the metrics of the queues, including those of tools without jobs and workers."""
    waiting = GaugeMetricFamily("site_jobs_waiting", "Waiting jobs by queue.", labels=["queue"])
    running = GaugeMetricFamily("site_jobs_running", "Running jobs by queue.", labels=["queue"])
    workers = GaugeMetricFamily("site_workers", "Workers that take jobs from a queue.", labels=["queue"])
    oldest = GaugeMetricFamily("site_oldest_waiting_seconds", "Age of the oldest waiting job.", labels=["queue"])
    of_tools = {tool.queue: QueueStatistics() for tool in services().tools.values()}
    for name, numbers in sorted((of_tools | statistics.queues).items()):
        waiting.add_metric([name], numbers.waiting)
        running.add_metric([name], numbers.running)
        workers.add_metric([name], numbers.workers)
        oldest.add_metric([name], numbers.oldest)
    yield from (waiting, running, workers, oldest)


def _buckets(tool: str, statistics: Statistics) -> list[tuple[str, float]]:
    """Return the cumulative histogram: for each upper bound in seconds, how many jobs ran no longer."""
    bounds = [*map(str, statistics.bounds), "+Inf"]
    sums = accumulate(statistics.ended.get(("bucket", tool, bound), 0) for bound in bounds)
    return list(zip(bounds, sums, strict=True))
