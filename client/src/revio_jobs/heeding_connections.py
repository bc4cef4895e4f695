"""redis-py's connections that heed silence, for those who use redis-py through Celery or kombu."""

from __future__ import annotations

from typing import Any

from redis.asyncio.connection import Connection as AsyncConnection
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.connection import Connection, SSLConnection
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

from revio_jobs.silence import AsyncHeeding, Heeding


class HeedingTcp(Heeding, Connection):
    """To one server."""


class HeedingTls(Heeding, SSLConnection):
    """The same, with TLS."""


class HeedingManaged(Heeding, SentinelManagedConnection):
    """To the master that sentinels name."""


class HeedingManagedTls(Heeding, SentinelManagedSSLConnection):
    """The same, with TLS."""


class _AsyncTcp(AsyncHeeding, AsyncConnection):
    pass


class _AsyncTls(AsyncHeeding, AsyncSSLConnection):
    pass


_HEEDING: dict[type[Any], type[Any]] = {
    Connection: HeedingTcp,
    SSLConnection: HeedingTls,
    AsyncConnection: _AsyncTcp,
    AsyncSSLConnection: _AsyncTls,
}


def heed_silence(manager: Any) -> None:  # noqa: ANN401 - redis-py's Sentinel, of either kind
    """Let the connections to the sentinels themselves heed silence; redis-py takes no class."""
    for sentinel in manager.sentinels:
        pool = sentinel.connection_pool
        pool.connection_class = _HEEDING.get(pool.connection_class, pool.connection_class)
