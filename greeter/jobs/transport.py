"""The broker's transport: kombu's Redis transport, which drops malformed messages instead of stopping the worker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import Empty
from typing import Any

from kombu.transport import redis

log = logging.getLogger(__name__)


class Channel(redis.Channel):
    """A channel that survives messages which other programs put into the queue, or publish to the workers."""

    def _brpop_read(self, **options: Any) -> Any:
        return self._drop_malformed(super()._brpop_read, **options)  # type: ignore[misc]  # missing in the stubs

    def _receive(self) -> Any:
        return self._drop_malformed(super()._receive)  # type: ignore[misc]

    def _drop_malformed(self, read: Callable[..., Any], **options: Any) -> Any:
        transport: Any = self.connection
        try:
            return read(**options)
        except (Empty, *transport.connection_errors, *transport.channel_errors):
            raise
        except Exception as error:  # not JSON, or not a message, or nested too deeply
            log.error("dropped a malformed message: %s", type(error).__name__)
            return True


class Transport(redis.Transport):
    """The Redis transport with that channel."""

    Channel = Channel
