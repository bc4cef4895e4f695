"""A master, a replica and three sentinels of our own, on the loopback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from revio_jobs.connection import DEFAULT_SENTINEL_MASTER, connect_redis
from sandbox.local.children import kill
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis, free_port
from tests.patience import wait_until
from tests.redis_sentinel import start_sentinel

_HOST = "127.0.0.1"
_SENTINELS = 3
_PASSWORD = "s3cret"
_UNDISTURBED_S, _HURRIED_S = 60.0, 0.7
"""How long a master is silent until it is replaced: a busy machine keeps one silent, too."""


@dataclass
class WatchedRedis:
    """Stands where one server would."""

    servers: list[EmbeddedRedis]
    """Any of them may be the master."""
    sentinels: list[int]
    """Their ports."""

    @property
    def url(self) -> str:
        """Names the sentinels."""
        return ";".join(f"sentinel://:{_PASSWORD}@{_HOST}:{port}/0" for port in self.sentinels)

    def master(self) -> EmbeddedRedis:
        """The one that the sentinels call master now."""
        with connect_redis(self.url) as redis:
            port = redis.info("server")["tcp_port"]
        return next(server for server in self.servers if server.port == port)

    def kill_master(self) -> EmbeddedRedis:
        """Returns the master of before, when the sentinels have made another one.

        A replica has what the master had written when this was called: it could not take the
        place of a master that it has never been in step with.
        """
        self._wait_for_replica()
        killed = self.master()
        killed.kill()
        self._replace_after(_HURRIED_S)

        def is_replaced() -> bool:
            try:
                return self.master() is not killed
            except RedisError:
                return False

        wait_until(is_replaced)
        self._replace_after(_UNDISTURBED_S)
        return killed

    def _wait_for_replica(self) -> None:
        with connect_redis(self.url) as redis:
            written = redis.info("replication")["master_repl_offset"]

            def is_in_step() -> bool:
                with suppress(RedisError):
                    replica: Mapping[str, Any] = redis.info("replication").get("slave0", {})
                    return replica.get("state") == "online" and replica["offset"] >= written
                return False

            wait_until(is_in_step)

    def _replace_after(self, seconds: float) -> None:
        option, value = "down-after-milliseconds", f"{seconds * 1000:.0f}"
        for port in self.sentinels:
            with Redis(port=port) as sentinel:
                sentinel.sentinel_set(DEFAULT_SENTINEL_MASTER, option, value)


@contextmanager
def watched_redis(directory: Path) -> Iterator[WatchedRedis]:
    """Ready when the sentinels know the replica and each other."""
    with ExitStack() as running:
        start = partial(embedded_redis, password=_PASSWORD, appendonly=True)
        master = running.enter_context(start(options={"masterauth": _PASSWORD}))
        replica = running.enter_context(
            start(options={"masterauth": _PASSWORD, "replicaof": f"{_HOST} {master.port}"})
        )
        ports = [free_port() for _ in range(_SENTINELS)]
        start_one = partial(start_sentinel, quorum=2, down_after_s=_UNDISTURBED_S)
        for port in ports:
            running.callback(kill, start_one(directory, port, master.port, _PASSWORD))
        for port in ports:
            with Redis(port=port) as sentinel:
                wait_until(partial(_is_ready, sentinel))
        yield WatchedRedis([master, replica], ports)


def _is_ready(sentinel: Redis) -> bool:
    try:
        state: Mapping[str, int] = sentinel.sentinel_master(DEFAULT_SENTINEL_MASTER)
    except RedisError:
        return False  # it does not listen yet
    return state["num-slaves"] == 1 and state["num-other-sentinels"] == _SENTINELS - 1
