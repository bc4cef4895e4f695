"""Sentinels, and the pools of connections to the master that they name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis import Redis
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.sentinel import MasterNotFoundError as AsyncMasterNotFoundError
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.exceptions import RedisError
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from revio_jobs.connection_pool import ConnectionPool
from revio_jobs.heeding_connections import heed_silence

_ANSWERS = "a sentinel answers, and knows no master of that name that is up"


class Sentinels(Sentinel):
    """Says why no sentinel names a master, where redis-py shows the settings of its connections."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as redis-py's
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        heed_silence(self)

    def discover_master(self, service_name: str) -> Any:  # noqa: ANN401 - as redis-py's
        """Raises MasterNotFoundError."""
        try:
            return super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except MasterNotFoundError as exc:
            problems = map(_problem, self.sentinels)
            raise MasterNotFoundError(_reasons(service_name, problems)) from exc


class AsyncSentinels(AsyncSentinel):
    """As Sentinels."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as redis-py's
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        heed_silence(self)

    async def discover_master(self, service_name: str) -> Any:  # noqa: ANN401 - as redis-py's
        """Raises redis-py's MasterNotFoundError for asyncio."""
        try:
            return await super().discover_master(service_name)
        except AsyncMasterNotFoundError as exc:
            problems = [await _async_problem(sentinel) for sentinel in self.sentinels]
            raise AsyncMasterNotFoundError(_reasons(service_name, problems)) from exc


class SentinelPool(SentinelConnectionPool, ConnectionPool):
    """To the master; callers wait for a connection."""

    def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as redis-py's
        """As redis-py's, and at the end of the pool the connections to the sentinels as well.

        Without those in use it is called whenever a thread finds another master. Then other threads
        may be asking the sentinels, too.
        """
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()


class AsyncSentinelPool(AsyncSentinelConnectionPool, AsyncBlockingConnectionPool):
    """To the master; callers wait for a connection."""

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as redis-py's
        """As SentinelPool's."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def _problem(sentinel: Redis) -> str:
    try:
        sentinel.ping()
    except RedisError as exc:
        return str(exc)
    return _ANSWERS


async def _async_problem(sentinel: AsyncRedis) -> str:
    try:
        await sentinel.ping()
    except RedisError as exc:
        return str(exc)
    return _ANSWERS


def _reasons(name: str, problems: Iterable[str]) -> str:
    return f"no sentinel names a master {name!r}: {'; '.join(dict.fromkeys(problems))}"
