"""One way to Redis for producers, workers and operators: one server, or sentinels that know it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from redis import BlockingConnectionPool, Redis
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.sentinel import Sentinel, SentinelConnectionPool

DEFAULT_SENTINEL_MASTER = "mymaster"

_SENTINEL = "sentinel://"
_SENTINEL_PORT = 26379
_TIMEOUT_S = 5.0
# Redis serves one command at a time: more connections would only wait there instead of here.
_POOL: dict[str, Any] = {"max_connections": 64, "timeout": 20.0}


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """To the master; callers wait for a connection."""


class _AsyncSentinelPool(AsyncSentinelConnectionPool, AsyncBlockingConnectionPool):
    """To the master; callers wait for a connection."""


def connect_redis(
    url: str,
    sentinel_master: str = DEFAULT_SENTINEL_MASTER,
    *,
    timeout_s: float = _TIMEOUT_S,
    kind: type[Redis] = Redis,
) -> Redis:
    """A client that connects at its first command, in `timeout_s` at most, and again after a loss.

    Any number of threads may use it: they share 64 connections, and wait for one up to 20 s before
    they hear ConnectionError.

    `url` is redis://[user:password@]host[:port][/database], rediss://… with TLS, or the sentinels
    of the master of that name: sentinel://[user:password@]host[:port][/database];sentinel://….
    User, password and database are the master's and are read from the first of them. After a
    fail-over the client goes to the new master. Raises ValueError if the URL is none of these.
    `kind` is the client's class.
    """
    options = _options(timeout_s)
    if not url.startswith(_SENTINEL):
        return kind.from_pool(BlockingConnectionPool.from_url(url, **_POOL, **options))
    addresses, login = _sentinels(url)
    watching = Sentinel(addresses, **options)  # type: ignore[no-untyped-call]
    master: Redis = watching.master_for(  # type: ignore[no-untyped-call]
        sentinel_master, kind, connection_pool_class=_SentinelPool, **_POOL, **login
    )
    return master


def connect_redis_async(
    url: str, sentinel_master: str = DEFAULT_SENTINEL_MASTER, *, timeout_s: float = _TIMEOUT_S
) -> AsyncRedis:
    """As `connect_redis`, for the tasks of an event loop."""
    options = _options(timeout_s)
    if not url.startswith(_SENTINEL):
        return AsyncRedis.from_pool(AsyncBlockingConnectionPool.from_url(url, **_POOL, **options))
    addresses, login = _sentinels(url)
    watching = AsyncSentinel(addresses, **options)  # type: ignore[no-untyped-call]
    master: AsyncRedis = watching.master_for(
        sentinel_master, connection_pool_class=_AsyncSentinelPool, **_POOL, **login
    )
    return master


def _options(timeout_s: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
    }


def _sentinels(url: str) -> tuple[list[tuple[str | None, int]], dict[str, Any]]:
    """Their addresses, and how to log in to the master."""
    sentinels = [urlsplit(each.strip()) for each in url.split(";")]
    first = sentinels[0]
    return [(each.hostname, each.port or _SENTINEL_PORT) for each in sentinels], {
        "db": int(first.path.strip("/") or 0),
        "username": unquote(first.username) if first.username else None,
        "password": unquote(first.password) if first.password else None,
    }
