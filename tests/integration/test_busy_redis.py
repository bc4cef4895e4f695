"""A Redis that refuses everybody for a moment, since somebody's long script runs there."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from revio_jobs import RevioJobs
from revio_jobs.aio import AsyncRevioJobs
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.patience import PATIENCE_S

LIMIT_MS = 20
BUSY_MS = 700
LONG = f"""
local function now() local t = redis.call('TIME') return t[1] * 1000 + t[2] / 1000 end
local began = now()
while now() - began < {BUSY_MS} do end
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with embedded_redis(options={"lua-time-limit": str(LIMIT_MS)}) as running:
        yield running


def serves(redis: Redis) -> bool:
    try:
        redis.get("anything")
    except ResponseError as exc:
        return "BUSY" not in str(exc)
    return True


@contextmanager
def busy(server: EmbeddedRedis) -> Iterator[None]:
    with (
        Redis(port=server.port, socket_timeout=PATIENCE_S) as somebody,
        Redis(port=server.port) as redis,
    ):
        script: threading.Thread | None = None
        while serves(redis):
            if script is None or not script.is_alive():  # it ended before it was seen
                script = threading.Thread(target=somebody.eval, args=(LONG, 0))
                script.start()
            time.sleep(LIMIT_MS / 1000)
        yield
        if script:
            script.join()


def test_a_client_submits_when_it_serves_again(server: EmbeddedRedis) -> None:
    with RevioJobs.connect(server.url) as jobs:
        jobs.query(ids=[1])
        with busy(server):
            assert jobs.update(id=1, rate="1").submission == "new"


def test_a_client_waits_for_a_result_meanwhile(server: EmbeddedRedis) -> None:
    with RevioJobs.connect(server.url) as jobs:
        update = jobs.update(id=2, rate="1")
        with busy(server), pytest.raises(TimeoutError):
            update.result(timeout=BUSY_MS / 1000)


def test_an_asyncio_client_does_both(server: EmbeddedRedis) -> None:
    async def story() -> str:
        async with AsyncRevioJobs.connect(server.url) as jobs:
            before = await jobs.update(id=3, rate="1")
            with busy(server):
                after = await jobs.update(id=4, rate="1")
            with busy(server), pytest.raises(TimeoutError):
                await before.result(timeout=BUSY_MS / 1000)
            return after.submission

    assert asyncio.run(story()) == "new"
