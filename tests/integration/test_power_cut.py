"""Redis's machine loses its power under load; `make power-cut` does it to the whole system."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError

from revio_jobs import RevioJobs
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from sandbox.local.traced_redis import TracedRedis, can_trace
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is not installed")

ACCEPTED_BEFORE_A_CUT = 20


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    with embedded_redis() as server:
        yield server


class Producer(threading.Thread):
    """Submits until Redis is gone."""

    def __init__(self, url: str, begins_at: int) -> None:
        super().__init__()
        self._url = url
        self._next = begins_at
        self.accepted: list[str] = []

    def run(self) -> None:
        with RevioJobs.connect(self._url) as jobs:
            try:
                while True:
                    key = f"key-{self._next}"
                    jobs.update(id=5001 + self._next, rate="1", idempotency_key=key)
                    self.accepted.append(key)
                    self._next += 1
            except RedisError:
                return

    def has_begun(self) -> bool:
        return len(self.accepted) >= ACCEPTED_BEFORE_A_CUT


def lost_in_cuts(server: EmbeddedRedis, appendfsync: str, cuts: int) -> int:
    """Accepted updates of which Redis knows nothing afterwards."""
    traced, accepted = TracedRedis(server, appendfsync), list[str]()
    traced.start()
    for _ in range(cuts):
        producer = Producer(server.url, len(accepted) + 1)
        producer.start()
        deadline = time.monotonic() + PATIENCE_S
        while not producer.has_begun() and time.monotonic() < deadline:
            time.sleep(0.005)
        traced.cut_power()
        producer.join()
        accepted += producer.accepted
        traced.start()
    with RevioJobs.connect(server.url) as jobs:
        return sum(jobs.find("default", key) is None for key in accepted)


def test_no_accepted_update_is_lost_if_each_write_is_synced(server: EmbeddedRedis) -> None:
    assert lost_in_cuts(server, "always", 3) == 0


def test_a_kill_loses_nothing_that_was_answered_though_the_disk_is_slow() -> None:
    with embedded_redis(appendonly=True) as server:
        program, slowed = server.program, server.directory / "on-a-slow-disk"
        slow = "-e trace=fdatasync -e inject=fdatasync:delay_enter=1000000"
        slowed.write_text(
            f'#!/bin/sh\nexec strace -D -f -qq -o /dev/null {slow} "{program}" "$@"\n'
        )
        slowed.chmod(0o700)
        server.program = str(slowed)
        server.restart()
        answered = 0
        with Redis.from_url(server.url, socket_timeout=None) as redis:
            ends = time.monotonic() + 2.5
            while time.monotonic() < ends:
                answered = redis.rpush("answered", "one more")
        server.kill()
        server.program = program
        server.restart()
        with Redis.from_url(server.url) as redis:
            assert redis.llen("answered") == answered > 0


def test_updates_of_the_last_second_are_lost_if_it_syncs_each_second(server: EmbeddedRedis) -> None:
    assert lost_in_cuts(server, "everysec", 3) > 0
