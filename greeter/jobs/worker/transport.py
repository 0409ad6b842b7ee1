"""kombu's transports for the broker, without the errors that would end a worker."""

import itertools
import logging
from collections.abc import Callable
from queue import Empty
from typing import Any

from kombu.transport import redis

from greeter.sentinel import SentinelConnection, SentinelTlsConnection

log = logging.getLogger(__name__)

_EXPECTED: tuple[type[Exception], ...] = (Empty, *itertools.chain(*redis.get_redis_error_classes()))


class _Robust:
    """Makes a channel close without Redis, and survive malformed messages of other programs."""

    def _restore(self, message: object, leftmost: bool = False) -> None:
        """Put a message back into the queue. If that fails, a sweep sends it again."""
        try:
            super()._restore(message, leftmost)  # type: ignore[misc]
        except Exception as error:  # Celery expects only errors of the connection, but kombu raises others as well
            log.warning("a message was not put back into the queue: %r", error)

    def _brpop_read(self, **options: object) -> object:
        return self._drop_malformed(super()._brpop_read, **options)  # type: ignore[misc]

    def _receive(self) -> object:
        return self._drop_malformed(super()._receive)  # type: ignore[misc]

    def _drop_malformed(self, read: Callable[..., object], **options: object) -> object:
        try:
            return read(**options)
        except _EXPECTED:  # not those that the connection names: a read that fails may have closed it
            raise
        except Exception as error:  # not JSON, or not a message, or nested too deeply
            log.error("dropped a malformed message: %s", type(error).__name__)
            return True


class _Pausable:
    """Lets a channel leave the messages of a queue to others for a while, without giving up the queue."""

    def __init__(self, *args: object, **options: object) -> None:
        self._paused: set[str] = set()
        super().__init__(*args, **options)

    @property
    def active_queues(self) -> Any:  # the stubs have a wrong type
        """The queues from which messages are taken now."""
        active = super().active_queues  # type: ignore[misc]  # asked for several times for each message
        return [queue for queue in active if queue not in self._paused] if self._paused else active

    def pause(self, queue: str) -> None:
        """Take no messages from a queue."""
        self._paused.add(queue)
        self._update_queue_cycle()  # type: ignore[attr-defined]

    def resume(self, queue: str) -> None:
        """Take messages from a queue again."""
        self._paused.discard(queue)
        self._update_queue_cycle()  # type: ignore[attr-defined]


class Channel(_Pausable, _Robust, redis.Channel):
    """A channel to a server."""


class SentinelChannel(_Pausable, _Robust, redis.SentinelChannel):
    """A channel to the primary that the sentinels name."""

    connection_class = SentinelConnection
    connection_class_ssl = SentinelTlsConnection


class Transport(redis.Transport):
    """The transport to a server."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """The transport to the primary that the sentinels name."""

    Channel = SentinelChannel
