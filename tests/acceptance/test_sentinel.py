"""Redis behind sentinels, whose master dies in mid-run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.dev.stack import Stack
from revio_jobs import RevioJobs, UpdateJob, as_completed
from revio_jobs.connection import connect_redis
from tests.acceptance.sentinels import WatchedRedis, watched_redis
from tests.acceptance.short_waits import bulk_stack
from tests.conftest import Revio
from tests.patience import PATIENCE_S
from worker.ledger import Auditor

PRODUCTS = [product for product in range(5001, 7000) if product % 25][:1500]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[WatchedRedis]:
    with watched_redis(tmp_path) as watched:
        yield watched


@pytest.fixture
def stack(redis: WatchedRedis, tmp_path: Path) -> Iterator[Stack]:
    with bulk_stack(tmp_path, redis) as running:
        yield running


def test_a_fail_over_in_mid_run_loses_and_doubles_nothing(
    redis: WatchedRedis, stack: Stack
) -> None:
    with RevioJobs.connect(redis.url) as jobs:
        handles = jobs.submit(UpdateJob(id=product, rate="7.77") for product in PRODUCTS)
        ended = as_completed(handles, timeout=PATIENCE_S)
        for _ in range(300):
            next(ended)
        first = redis.kill_master()
        for _ in range(600):
            next(ended)
        first.restart()
        redis.kill_master()
        assert sum(1 for _ in ended) == len(PRODUCTS) - 900
        assert Counter(handle.result().outcome for handle in handles) == {"applied": len(PRODUCTS)}
    done = Counter(len(update) for update in stack.sandbox.updates().values())
    assert done == {1: len(PRODUCTS)}
    with connect_redis(redis.url) as master:
        audit = Auditor(master, "default").audit()
    assert audit.balances, audit
    assert audit.balance.succeeded == len(PRODUCTS)


def test_the_command_line_goes_to_the_master_that_the_sentinels_name(
    redis: WatchedRedis, stack: Stack, revio: Revio
) -> None:
    stack.start_worker("interactive", ["revio.default.interactive"])
    stack.wait_until_ready()
    env = stack.environment
    before = revio("update", "5001", "--rate", "3.50", "--key", "k", "--json", env=env)
    assert before.document["result"]["outcome"] == "applied"
    redis.kill_master()
    after = revio("result", "--key", "k", "--json", env=env)
    assert after.document["result"] == before.document["result"]
    checked = revio("doctor", "--json", env=env).document
    assert checked["ok"], checked
