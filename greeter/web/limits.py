"""How often one client may ask, and who counts as one."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import cast

from flask import Flask, current_app, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import RedisError
from werkzeug.exceptions import TooManyRequests

from greeter.web.services import Services

A_MINUTE = 60


class Limits:
    """Counts by the minute: requests in this process, submissions in Redis, and in this process while it is away."""

    def __init__(self, services: Services) -> None:
        settings, pool = services.settings, services.jobs.store.redis.connection_pool
        self._requests = RateLimitItemPerMinute(settings.requests_per_minute, namespace="requests")
        self._submissions = RateLimitItemPerMinute(settings.submits_per_minute, namespace="submissions")
        self._in_process = FixedWindowRateLimiter(MemoryStorage())
        redis = RedisStorage(settings.redis_url, connection_pool=pool, key_prefix="limits")
        self._in_redis = FixedWindowRateLimiter(redis)

    def count_request(self) -> None:
        """Count a request, without a word to Redis. Raises TooManyRequests."""
        if not self._in_process.hit(self._requests, client()):
            raise TooManyRequests(retry_after=A_MINUTE)

    def count_submission(self) -> None:
        """Count a submission. Raises TooManyRequests."""
        try:
            allowed = self._in_redis.hit(self._submissions, client())
        except RedisError:
            allowed = self._in_process.hit(self._submissions, client())
        if not allowed:
            raise TooManyRequests(retry_after=A_MINUTE)


def limits() -> Limits:
    """The limits of the installation that the current request is for."""
    return cast(Limits, current_app.extensions["limits"])


def init_app(app: Flask) -> None:
    """Count every request to the app."""
    app.extensions["limits"] = Limits(app.extensions["greeter"])
    app.before_request(app.extensions["limits"].count_request)


def client() -> str:
    """Who asks: an address, or the network that one customer has in IPv6."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:  # a proxy that tells no address
        return "unknown"
    if address.version == 6:
        address = address.ipv4_mapped or address  # a server that listens on IPv6 sees all of IPv4 in one /64
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))
