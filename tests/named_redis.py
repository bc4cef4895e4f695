"""Two Redis servers behind one name: new connections go to the primary, old ones stay.

So does a managed Redis that fails over: its name leads to the new primary, and the old one lives on
as a read-only replica that still answers those who are connected to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis

from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.patience import PATIENCE_S
from tests.redis_proxy import Proxy, proxy

_HOST = "127.0.0.1"
_POLL_S = 0.05


@dataclass
class NamedRedis:
    """Stands where one server would."""

    servers: list[EmbeddedRedis]
    name: Proxy

    @property
    def url(self) -> str:
        return f"redis://{_HOST}:{self.name.port}/0"

    def fail_over(self) -> None:
        """The replica becomes the primary and has the name; the old primary becomes its replica."""
        old, new = self.servers
        with Redis(port=old.port) as was, Redis(port=new.port) as becomes:
            was.execute_command("CLIENT", "PAUSE", "300000", "WRITE")
            _wait_until(lambda: _offset(becomes) == _offset(was))
            becomes.replicaof("NO", "ONE")
            self.name.target = new.port
            was.replicaof(_HOST, str(new.port))
            was.execute_command("CLIENT", "UNPAUSE")
            _wait_until(lambda: _is_in_step(was))
        self.servers.reverse()


@contextmanager
def named_redis() -> Iterator[NamedRedis]:
    """Ready when the replica is in step."""
    with embedded_redis(appendonly=True) as primary:
        options = {"replicaof": f"{_HOST} {primary.port}"}
        with (
            embedded_redis(appendonly=True, options=options) as replica,
            Redis(port=replica.port) as redis,
            proxy(primary.port) as name,
        ):
            _wait_until(lambda: _is_in_step(redis))
            yield NamedRedis([primary, replica], name)


def _is_in_step(replica: Redis) -> bool:
    return bool(replica.info("replication")["master_link_status"] == "up")


def _offset(redis: Redis) -> int:
    replication = redis.info("replication")
    return int(replication.get("slave_repl_offset", replication["master_repl_offset"]))


def _wait_until(condition: Callable[[], bool]) -> None:
    gives_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < gives_up, "not in time"
        time.sleep(_POLL_S)
