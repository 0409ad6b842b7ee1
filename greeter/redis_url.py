"""What REDIS_URL means: one server, or the sentinels that know the primary; and how to connect to it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

if TYPE_CHECKING:  # the embedded Redis, which only parses, does not need the memory of redis-py
    from redis import Redis
    from redis.sentinel import Sentinel

_SERVER_PORT, _SENTINEL_PORT = 6379, 26379
_SCHEMES = {"redis": False, "rediss": True, "sentinel": False, "sentinels": True}  # whether it is TLS
_TLS_OPTIONS = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_SENTINEL_OPTIONS = {"service", "sentinel_username", "sentinel_password"}
_FORM = (
    "should be like redis://:PASSWORD@HOST:PORT/0, or sentinel://:PASSWORD@HOST1,HOST2,HOST3/0?service=NAME, or with "
    "rediss:// or sentinels:// for TLS; docs/redis.md has the details"
)


@dataclass(frozen=True)
class RedisUrl:
    """A parsed REDIS_URL."""

    nodes: tuple[tuple[str, int], ...]  # host and port of the server, or of each sentinel
    login: Mapping[str, str]  # the `username` and the `password` for the server, if there are any
    database: int  # the number of the database
    tls: Mapping[str, str | bool]  # options of redis-py and of kombu for TLS; empty without TLS
    service: str  # the name by which the sentinels know the primary. If empty, the URL names the server itself
    sentinel_login: Mapping[str, str]  # the `username` and the `password` for the sentinels, if there are any

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a URL. Raises ValueError with what it should be; the message never quotes the URL."""
        try:
            url = urlsplit(text)
            is_tls, is_sentinel = _SCHEMES[url.scheme], url.scheme.startswith("sentinel")
            default_port = _SENTINEL_PORT if is_sentinel else _SERVER_PORT
            nodes = tuple(_node(node, default_port) for node in url.netloc.rpartition("@")[2].split(","))
            options = _options(url.query, is_tls=is_tls, is_sentinel=is_sentinel)
            database = int(url.path.removeprefix("/") or 0)
            if len(nodes) > 1 and not is_sentinel:
                raise ValueError
        except (ValueError, LookupError):  # messages of urlsplit may quote the password
            raise ValueError(_FORM) from None
        return cls(
            nodes=nodes,
            login=_login(unquote(url.username or ""), unquote(url.password or "")),
            database=database,
            tls=_tls(options) if is_tls else {},
            service=options.get("service", ""),
            sentinel_login=_login(options.get("sentinel_username", ""), options.get("sentinel_password", "")),
        )

    @property
    def password(self) -> str:
        """The password for the server; empty if there is none."""
        return self.login.get("password", "")

    @property
    def is_embedded(self) -> bool:
        """Whether the embedded server can be the one that this URL names."""
        plain = not self.tls and not self.service and "username" not in self.login
        return plain and self.nodes[0][0] in ("127.0.0.1", "localhost", "::1")

    def connect(self, timeout: float = 1, connect_timeout: float = 1, retries: int = 0) -> "Redis":
        """Return a client of the server, or of the current primary, with limits in seconds. It connects when used.

        If Redis has closed the connection, it repeats a command up to `retries` times; after a timeout, it never does.
        """
        from redis import ConnectionError as Disconnected
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        from greeter.sentinel import SentinelConnection, SentinelTlsConnection

        retry = Retry(NoBackoff(), retries, supported_errors=(Disconnected,))
        options: dict[str, Any] = {"db": self.database, **self.login, **self.tls, "retry": retry}
        options |= {"socket_timeout": timeout, "socket_connect_timeout": connect_timeout}
        if not self.service:
            host, port = self.nodes[0]
            return Redis(host=host, port=port, ssl=bool(self.tls), **options)
        kind = SentinelTlsConnection if self.tls else SentinelConnection
        primary: Redis = self.sentinel().master_for(self.service, connection_class=kind, **options)
        return primary

    def sentinel(self) -> "Sentinel":
        """Return a client of the sentinels."""
        from redis.sentinel import Sentinel

        return Sentinel(self.nodes, sentinel_kwargs=self._sentinel_options)

    def broker(self, **transport_options: object) -> dict[str, object]:
        """Return what Celery needs to connect, with these options of kombu, as its settings `broker_...`."""
        scheme = "sentinel" if self.service else "redis"  # kombu would treat rediss without options as insecure
        user = ":".join(quote(self.login.get(part, ""), safe="") for part in ("username", "password"))
        if self.service:
            transport_options |= {"master_name": self.service, "sentinel_kwargs": self._sentinel_options}
        urls = (f"{scheme}://{user}@{_bracketed(host)}:{port}/{self.database}" for host, port in self.nodes)
        return {
            "broker_url": ";".join(urls),
            "broker_use_ssl": self.tls or None,
            "broker_transport_options": transport_options,
        }

    @property
    def _sentinel_options(self) -> dict[str, object]:
        # A page has to report within three seconds that Redis does not answer, and there are several sentinels to ask.
        timeouts = {"socket_connect_timeout": 0.3, "socket_timeout": 0.4, "retry": None}
        return {**timeouts, **self.tls, "ssl": bool(self.tls), **self.sentinel_login}


def _node(text: str, default_port: int) -> tuple[str, int]:
    """Return host and port. Raises ValueError."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.port == 0:
        raise ValueError
    return parts.hostname, parts.port or default_port


def _options(query: str, *, is_tls: bool, is_sentinel: bool) -> dict[str, str]:
    """Return the options of a URL. Raises ValueError."""
    options = dict(parse_qsl(query))
    allowed = (_TLS_OPTIONS if is_tls else set()) | (_SENTINEL_OPTIONS if is_sentinel else set())
    if options.keys() - allowed or is_sentinel != ("service" in options):
        raise ValueError
    return options


def _tls(options: Mapping[str, str]) -> dict[str, str | bool]:
    """Return what redis-py and kombu need for TLS. Raises ValueError, with what the URL should have."""
    files = {name: path for name, path in options.items() if name in _TLS_OPTIONS}
    if missing := [name for name, path in files.items() if not os.access(path, os.R_OK)]:
        raise ValueError(f"should have the path of a file that this user can read as its {missing[0]}")
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **files}


def _login(username: str, password: str) -> dict[str, str]:
    return {name: value for name, value in (("username", username), ("password", password)) if value}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
