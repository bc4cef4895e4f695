"""Connections to Redis for producers, workers and operators."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from redis import Redis
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import Connection as AsyncConnection
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.asyncio.connection import UnixDomainSocketConnection as AsyncUnixConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import SentinelManagedConnection as AsyncSentinelConnection
from redis.asyncio.sentinel import SentinelManagedSSLConnection as AsyncSentinelSSLConnection
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.retry import Retry
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection

from revio_jobs.cluster_check import ClusterCheck
from revio_jobs.connection_pool import ConnectionPool
from revio_jobs.key_prefix import OPTION, KeyPrefix
from revio_jobs.redis_address import RedisAddress, parse_redis_url
from revio_jobs.redis_faults import Remedy, fault_of
from revio_jobs.sentinels import AsyncSentinelPool, AsyncSentinels, SentinelPool, Sentinels
from revio_jobs.silence import TRUSTED_S, AsyncHeeding, Heeding
from revio_jobs.tls_files import check_tls_files

DEFAULT_SENTINEL_MASTER = "mymaster"

_TIMEOUT_S = 5.0
# Redis serves one command at a time: more connections would only wait there instead of here.
_POOL: Mapping[str, Any] = {"max_connections": 64, "timeout": 20.0}


class ConnectionDropped(RedisConnectionError):
    """The server cannot serve any more, so the connection was dropped; the next may lead elsewhere.

    After a fail-over behind one name, open connections stay with the old primary, which is a
    read-only replica by then: without this they would be used forever.
    """


class _Prefixing:
    """Puts the installation's prefix before the keys of all that leaves, if it has one."""

    def __init__(self, *, key_prefix: KeyPrefix | None = None, **options: Any) -> None:  # noqa: ANN401 - redis-py's
        super().__init__(**options)
        self._key_prefix = key_prefix or KeyPrefix()

    def send_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py's
        return super().send_command(*self._key_prefix.apply(args), **options)  # type: ignore[misc] # a mixin

    def pack_commands(self, commands: Iterable[Any]) -> Any:  # noqa: ANN401 - as redis-py's
        prefixed = map(self._key_prefix.apply, commands)
        return super().pack_commands(prefixed)  # type: ignore[misc] # a mixin


class _Dropping(_Prefixing, Heeding):
    """Drops a connection if the server is the wrong one, or does not answer."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as redis-py's
        try:
            return super().read_response(*args, **kwargs)
        except ResponseError as exc:
            fault = fault_of(exc)
            if fault is None or fault.remedy is not Remedy.RECONNECT:
                raise
            self.disconnect()  # type: ignore[attr-defined]
            raise ConnectionDropped(f"{fault.word}: {fault.meaning}") from exc


class _AsyncDropping(_Prefixing, AsyncHeeding):
    """As _Dropping; also drops a connection that belongs to an event loop of before.

    Redis would execute a command that is sent over it, and nobody could read the answer.
    """

    _loop: asyncio.AbstractEventLoop | None = None

    async def connect(self) -> None:
        """As redis-py's; a pool calls it before it hands out the connection."""
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            await self.disconnect(nowait=True)
        self._loop = loop
        await super().connect()

    async def disconnect(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as redis-py's
        """As redis-py's."""
        try:
            await super().disconnect(*args, **kwargs)  # type: ignore[misc] # a mixin
        except RuntimeError:
            # A closed loop closes no transport any more: its socket goes when nothing refers to it.
            if self._loop is None or not self._loop.is_closed():
                raise

    async def read_response(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as redis-py's
        try:
            return await super().read_response(*args, **kwargs)
        except ResponseError as exc:
            fault = fault_of(exc)
            if fault is None or fault.remedy is not Remedy.RECONNECT:
                raise
            await self.disconnect(nowait=True)
            raise ConnectionDropped(f"{fault.word}: {fault.meaning}") from exc


class _Tcp(_Dropping, Connection):
    pass


class _Tls(_Dropping, SSLConnection):
    pass


class _Unix(_Dropping, UnixDomainSocketConnection):
    pass


class _Managed(_Dropping, SentinelManagedConnection):
    pass


class _ManagedTls(_Dropping, SentinelManagedSSLConnection):
    pass


class _AsyncTcp(_AsyncDropping, AsyncConnection):
    pass


class _AsyncTls(_AsyncDropping, AsyncSSLConnection):
    pass


class _AsyncUnix(_AsyncDropping, AsyncUnixConnection):
    pass


class _AsyncManaged(_AsyncDropping, AsyncSentinelConnection):
    pass


class _AsyncManagedTls(_AsyncDropping, AsyncSentinelSSLConnection):
    pass


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

    `url` is redis://[user:password@]host[:port][/database], the same with rediss:// for TLS,
    unix:///path[?db=0], or the sentinels of the master of that name:
    sentinel://[user:password@]host[:port][/database];sentinel://…, or sentinels:// for TLS. There
    user, password and database are the master's and are read from the first address; the sentinels'
    own login is ?sentinel_username= and ?sentinel_password=. docs/redis.md has all options. Raises
    RedisUrlError, a ValueError, for any other URL. `kind` is the client's class.
    """
    address = parse_redis_url(url)
    check_tls_files(address.tls)
    check: dict[str, Any] = {"redis_connect_func": ClusterCheck().connected}
    if not address.sentinels:
        connection = _connection_class(address, tcp=_Tcp, tls=_Tls, unix=_Unix)
        options = _pool(address) | _options(address, timeout_s) | _place(address) | check
        pool = ConnectionPool(connection_class=connection, **options)  # type: ignore[no-untyped-call]
        return kind.from_pool(pool)
    retry = Retry(NoBackoff(), 0)
    options = _sentinel_options(address, timeout_s) | {"retry": retry}
    watching = Sentinels(address.sentinels, sentinel_kwargs=options)
    master: Redis = watching.master_for(  # type: ignore[no-untyped-call]
        sentinel_master,
        kind,
        connection_pool_class=SentinelPool,
        connection_class=_ManagedTls if address.uses_tls else _Managed,
        **_pool(address),
        **address.tls,
        **_options(address, timeout_s),
        **check,
    )
    return master


def connect_redis_async(
    url: str, sentinel_master: str = DEFAULT_SENTINEL_MASTER, *, timeout_s: float = _TIMEOUT_S
) -> AsyncRedis:
    """As `connect_redis`, for the tasks of an event loop."""
    address = parse_redis_url(url)
    check_tls_files(address.tls)
    check: dict[str, Any] = {"redis_connect_func": ClusterCheck().connected_async}
    if not address.sentinels:
        connection = _connection_class(address, tcp=_AsyncTcp, tls=_AsyncTls, unix=_AsyncUnix)
        options = _pool(address) | _options(address, timeout_s) | _place(address) | check
        return AsyncRedis.from_pool(
            AsyncBlockingConnectionPool(connection_class=connection, **options)
        )
    retry = AsyncRetry(NoBackoff(), 0)
    options = _sentinel_options(address, timeout_s) | {"retry": retry}
    watching = AsyncSentinels(address.sentinels, sentinel_kwargs=options)
    master: AsyncRedis = watching.master_for(
        sentinel_master,
        connection_pool_class=AsyncSentinelPool,
        connection_class=_AsyncManagedTls if address.uses_tls else _AsyncManaged,
        **_pool(address),
        **address.tls,
        **_options(address, timeout_s),
        **check,
    )
    return master


def _connection_class(
    address: RedisAddress, *, tcp: type[Any], tls: type[Any], unix: type[Any]
) -> type[Any]:
    if address.path:
        return unix
    return tls if address.uses_tls else tcp


def _place(address: RedisAddress) -> dict[str, Any]:
    if address.path:
        return {"path": address.path}
    return {"host": address.host, "port": address.port, **address.tls}


def _pool(address: RedisAddress) -> dict[str, Any]:
    return {**_POOL, **address.pool}


def _options(address: RedisAddress, timeout_s: float) -> dict[str, Any]:
    """Options of each connection to the server that holds the jobs."""
    login = {"db": address.db, "username": address.username, "password": address.password}
    prefix = {OPTION: KeyPrefix(address.key_prefix)}
    return _timeouts(address, timeout_s) | login | dict(address.connection) | prefix


def _sentinel_options(address: RedisAddress, timeout_s: float) -> dict[str, Any]:
    tls = {"ssl": True, **address.tls} if address.uses_tls else {}
    return _timeouts(address, timeout_s) | dict(address.sentinel_login) | tls


def _timeouts(address: RedisAddress, timeout_s: float) -> dict[str, Any]:
    if address.path:
        return {"socket_timeout": timeout_s}
    return {
        "socket_timeout": timeout_s,
        "health_check_interval": TRUSTED_S,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
    }
