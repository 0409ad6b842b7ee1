"""The broker's transport: kombu's Redis transport, which drops malformed messages instead of stopping the worker."""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport import redis

log = logging.getLogger(__name__)


class Channel(redis.Channel):
    """A channel that survives messages which other programs put into the queue."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # missing in the stubs
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # not JSON, or not a message
            log.error("dropped a malformed message: %s", type(error).__name__)
            return True


class Transport(redis.Transport):
    """The Redis transport with that channel."""

    Channel = Channel
