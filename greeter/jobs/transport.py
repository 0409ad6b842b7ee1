"""The broker's transports: those of kombu, without errors that would end the worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import Empty
from typing import Any

from kombu.transport import redis

from greeter.sentinel import SentinelConnection, SentinelTlsConnection

log = logging.getLogger(__name__)


class QoS(redis.QoS):
    """The messages of a channel that were received but not acknowledged. It closes without Redis, too."""

    def restore_unacked(self, client: Any = None) -> None:
        """Put the messages back into the queue. If that fails, a sweep sends them again."""
        try:
            super().restore_unacked(client)
        except Exception as error:  # Celery expects only errors of the connection, but kombu raises others as well
            log.warning("messages were not put back into the queue: %r", error)


class _DropMalformed:
    """Makes a channel survive messages which other programs put into the queue, or publish to the workers."""

    connection: Any

    def _brpop_read(self, **options: Any) -> Any:
        return self._drop_malformed(super()._brpop_read, **options)  # type: ignore[misc]

    def _receive(self) -> Any:
        return self._drop_malformed(super()._receive)  # type: ignore[misc]

    def _drop_malformed(self, read: Callable[..., Any], **options: Any) -> Any:
        try:
            return read(**options)
        except (Empty, *self.connection.connection_errors, *self.connection.channel_errors):
            raise
        except Exception as error:  # not JSON, or not a message, or nested too deeply
            log.error("dropped a malformed message: %s", type(error).__name__)
            return True


class Channel(_DropMalformed, redis.Channel):
    """A channel to a server."""

    QoS = QoS


class SentinelChannel(_DropMalformed, redis.SentinelChannel):
    """A channel to the primary that the sentinels name."""

    QoS = QoS
    connection_class = SentinelConnection
    connection_class_ssl = SentinelTlsConnection


class Transport(redis.Transport):
    """The transport to a server."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """The transport to the primary that the sentinels name."""

    Channel = SentinelChannel
