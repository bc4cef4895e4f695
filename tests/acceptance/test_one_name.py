"""A Redis that fails over behind one name, and whose connections then fall silent."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.dev.stack import Stack
from revio_jobs import Lane, RevioJobs, UpdateJob, as_completed
from revio_jobs.connection import connect_redis
from tests.acceptance.short_waits import bulk_stack
from tests.named_redis import NamedRedis, named_redis
from tests.patience import PATIENCE_S, wait_until
from worker.ledger import Auditor

PRODUCTS = [number for number in range(5001, 7000) if number % 25][:900]


@pytest.fixture
def redis() -> Iterator[NamedRedis]:
    with named_redis() as named:
        yield named


@pytest.fixture
def stack(redis: NamedRedis, tmp_path: Path) -> Iterator[Stack]:
    with bulk_stack(tmp_path, redis) as running:
        yield running


def executed(stack: Stack) -> int:
    return sum(map(len, stack.sandbox.updates().values()))


def test_a_fail_over_and_silent_connections_lose_and_double_nothing_and_work_goes_on(
    redis: NamedRedis, stack: Stack
) -> None:
    with RevioJobs.connect(redis.url) as jobs:
        handles = jobs.submit(UpdateJob(id=number, rate="7.77") for number in PRODUCTS)
        ended = as_completed(handles, timeout=PATIENCE_S)
        for _ in range(200):
            next(ended)
        redis.fail_over()
        sent = executed(stack)
        with RevioJobs.connect(redis.url) as fresh:
            assert fresh.update(id=5001, rate="8.88", lane=Lane.BULK)
        wait_until(lambda: executed(stack) > sent)
    with RevioJobs.connect(redis.url) as jobs:
        assert jobs.update(id=5002, rate="9.99", lane=Lane.BULK).result(timeout=PATIENCE_S).outcome
        redis.name.mute()
        handle = jobs.update(id=5003, rate="1.11", lane=Lane.BULK)
        assert handle.result(timeout=PATIENCE_S).outcome
    with connect_redis(redis.url) as primary:
        deadline = time.monotonic() + PATIENCE_S
        while (audit := Auditor(primary, "default").audit()).balance.succeeded < len(PRODUCTS) + 3:
            assert time.monotonic() < deadline, audit
            time.sleep(0.2)
        assert audit.balances, audit
    done = Counter(len(calls) for calls in stack.sandbox.updates().values())
    assert done == {1: len(PRODUCTS) - 3, 2: 3}
