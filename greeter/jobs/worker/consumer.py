"""The consumer of a worker, which publishes the events of its tasks together."""

import time
from typing import Any

from celery.events import dispatcher
from celery.worker import consumer
from kombu.asynchronous import Hub

_INTERVAL = 0.5  # seconds
_MOST = 1000  # events in one message


class EventDispatcher(dispatcher.EventDispatcher):
    """A dispatcher that keeps events for later if Redis is unavailable.

    Celery's own dispatcher waits for Redis when it sends the worker's own events. Meanwhile, the worker cannot stop.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create a dispatcher for large messages."""
        super().__init__(*args, **{**options, "buffer_limit": _MOST})

    def send(self, *args: Any, **options: Any) -> None:
        """Send an event, or add it to the next batch."""
        super().send(*args, **{**options, "retry": False})


class Consumer(consumer.Consumer):
    """A consumer that publishes events twice a second.

    Celery's own consumer publishes them after each turn of its event loop, up to three times for a job.
    """

    _next_flush = 0.0

    hub: Hub  # these are missing in the stubs
    event_dispatcher: EventDispatcher | None  # None without a connection

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create a consumer without Celery's mingle and gossip.

        Mingle waits a second at each connection to ask other workers which tasks were revoked, and gossip reads the
        events of all workers. The records already have this. Gossip also leaked two connections at each outage of
        Redis.
        """
        super().__init__(*args, **options, without_mingle=True, without_gossip=True)
        self.app.events.dispatcher_cls = "greeter.jobs.worker.consumer:EventDispatcher"

    def on_send_event_buffered(self) -> None:  # type: ignore[override]  # the stubs have a wrong type
        """Plan to publish the event, and those that follow it."""
        now = time.monotonic()
        if now >= self._next_flush:  # a time, not a flag: a reconnection may cancel the planned call
            self._next_flush = now + _INTERVAL
            self.hub.call_later(_INTERVAL, self._flush_events)  # type: ignore[attr-defined]

    def stop(self) -> None:
        """Publish the last events."""
        self._flush_events()  # type: ignore[attr-defined]
        super().stop()
