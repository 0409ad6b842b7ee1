"""Limits on how often one client may send requests and submit jobs."""

import time
from functools import lru_cache
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from flask import request
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import ConnectionPool, RedisError
from werkzeug.exceptions import TooManyRequests

from greeter.settings import Settings

_RETRY_AFTER = 60  # seconds


class _Counter:
    """Counts what each client does in a minute, in this process."""

    def __init__(self, limit: int) -> None:
        self._limit, self._minute = limit, ""
        self._counts: dict[str, int] = {}

    def hit(self, client: str) -> bool:
        """Count once, and return whether the client is within the limit."""
        minute = _minute()
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        # Without a lock: if only one of two simultaneous requests counts, that does not matter.
        self._counts[client] = count = self._counts.get(client, 0) + 1
        return count <= self._limit

    def count(self, client: str) -> int:
        """Return how often the client was counted in this minute."""
        return self._counts.get(client, 0) if self._minute == _minute() else 0


class _Storage(RedisStorage):
    """Counters that last a minute, so Redis keeps them in memory only, and counting does not wait for the disk."""

    DEPENDENCIES = {"redis": None}  # noqa: RUF012  not Valkey's client too, which takes 2.5 MiB
    SCRIPT_INCR_EXPIRE = b"redis.set_repl(redis.REPL_NONE)\n" + RedisStorage.SCRIPT_INCR_EXPIRE


class Limits:
    """Counts per minute: requests in this process; submissions in Redis, or in this process if it is unavailable."""

    def __init__(self, settings: Settings, pool: ConnectionPool) -> None:
        """Count in the Redis of these connections."""
        self._requests = _Counter(settings.requests_per_minute)
        self._submissions = _Counter(settings.submits_per_minute)
        self._per_minute = RateLimitItemPerMinute(settings.submits_per_minute, namespace="submissions")
        redis = _Storage("redis://", connection_pool=pool, key_prefix="limits")
        self._in_redis = FixedWindowRateLimiter(redis)

    def count_request(self) -> None:
        """Count the current request, without using Redis. Raises TooManyRequests after REQUESTS_PER_MINUTE."""
        if not self._requests.hit(client_address()):
            raise TooManyRequests(retry_after=_RETRY_AFTER)

    def count_submission(self) -> None:
        """Count the current request as a submission. Raises TooManyRequests after SUBMITS_PER_MINUTE."""
        try:
            allowed = self._in_redis.hit(self._per_minute, client_address(), _minute())
        except RedisError:
            allowed = self._submissions.hit(client_address())
        if not allowed:
            raise TooManyRequests(retry_after=_RETRY_AFTER)

    def requests(self) -> int:
        """Return how many requests of the current client this process has counted in this minute."""
        return self._requests.count(client_address())

    def submissions(self) -> int:
        """Return how many submissions the client of the current request has made in this minute."""
        left = self._in_redis.get_window_stats(self._per_minute, client_address(), _minute()).remaining
        return self._per_minute.amount - left


def _minute() -> str:
    """Return the current minute, which names a counter: after a clock was set back, an old one would last too long."""
    return str(int(time.time() / 60))


def client_address() -> str:
    """Return the client's IPv4 address or its IPv6 /64 network, which usually belongs to one customer."""
    return _network(request.remote_addr or "")


@lru_cache(maxsize=1024)
def _network(text: str) -> str:
    try:
        if text.startswith("[") or text.count(":") == 1:  # some proxies add the port of the client
            text = urlsplit(f"//{text}").hostname or ""
        address = ip_address(text)
    except ValueError:  # the proxy does not pass on an address
        return "unknown"
    if address.version == 6:
        address = address.ipv4_mapped or address  # an IPv6 socket sees all IPv4 clients in one /64
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))
