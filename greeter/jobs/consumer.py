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

    Celery's own waits for Redis with those of the worker itself, and meanwhile the worker does not stop when asked.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create a dispatcher for large messages."""
        super().__init__(*args, **{**options, "buffer_limit": _MOST})

    def send(self, *args: Any, **options: Any) -> None:
        """Send an event, or add it to the next batch."""
        super().send(*args, **{**options, "retry": False})


class Consumer(consumer.Consumer):
    """A consumer that publishes events twice a second.

    Celery's own publishes them after each turn of its event loop, so up to three times for a job.
    """

    _next_flush = 0.0

    hub: Hub  # these are missing in the stubs
    event_dispatcher: EventDispatcher | None  # None without a connection

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create a consumer that neither asks other workers when it connects nor follows their events.

        Celery waits for a second to learn which tasks were revoked, and each worker reads the events of all others.
        Here, the records have all that. The part that follows events also leaked two connections at each outage of
        Redis.
        """
        super().__init__(*args, **options, without_mingle=True, without_gossip=True)
        self.app.events.dispatcher_cls = "greeter.jobs.consumer:EventDispatcher"

    def on_send_event_buffered(self) -> None:  # type: ignore[override]  # the stubs have a wrong type
        """Plan to publish the event, and those that follow it."""
        now = time.monotonic()
        if now >= self._next_flush:  # a time and not a flag, because a reconnection may cancel what was planned
            self._next_flush = now + _INTERVAL
            self.hub.call_later(_INTERVAL, self._flush_events)  # type: ignore[attr-defined]

    def stop(self) -> None:
        """Publish the last events."""
        self._flush_events()  # type: ignore[attr-defined]
        super().stop()
