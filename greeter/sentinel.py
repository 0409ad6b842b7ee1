"""Connections to the primary that Redis Sentinel names."""

from typing import Any

from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection


class SentinelConnection(SentinelManagedConnection):
    """A connection that is closed when a reply does not arrive in time.

    redis-py 8.1 would use it again: for the next command, it would return the late reply to this one
    (redis/redis-py#4292), and it would stay with a primary that hangs.
    """

    def read_response(self, disable_decoding: bool = False, **options: Any) -> object:
        """Read a reply."""
        return super().read_response(disable_decoding, **{"disconnect_on_error": True, **options})


class SentinelTlsConnection(SentinelConnection, SentinelManagedSSLConnection):
    """The same over TLS."""
