"""One way to Redis for producers, workers and operators: one server, or sentinels that know it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from redis import Redis
from redis.sentinel import Sentinel

DEFAULT_SENTINEL_MASTER = "mymaster"

_SENTINEL = "sentinel://"
_SENTINEL_PORT = 26379
_TIMEOUT_S = 5.0


def connect_redis(
    url: str, sentinel_master: str = DEFAULT_SENTINEL_MASTER, *, timeout_s: float = _TIMEOUT_S
) -> Redis:
    """A client that connects at its first command, in `timeout_s` at most, and again after a loss.

    `url` is redis://[user:password@]host[:port][/database], rediss://… with TLS, or the sentinels
    of the master of that name: sentinel://[user:password@]host[:port][/database];sentinel://….
    User, password and database are the master's and are read from the first of them. After a
    fail-over the client goes to the new master. Raises ValueError if the URL is none of these.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
    }
    if not url.startswith(_SENTINEL):
        return Redis.from_url(url, **options)
    sentinels = [urlsplit(each.strip()) for each in url.split(";")]
    first = sentinels[0]
    addresses = [(each.hostname, each.port or _SENTINEL_PORT) for each in sentinels]
    watching = Sentinel(addresses, **options)  # type: ignore[no-untyped-call]
    master: Redis = watching.master_for(  # type: ignore[no-untyped-call]
        sentinel_master,
        db=int(first.path.strip("/") or 0),
        username=unquote(first.username) if first.username else None,
        password=unquote(first.password) if first.password else None,
    )
    return master
