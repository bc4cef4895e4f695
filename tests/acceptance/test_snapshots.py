"""A Redis that keeps snapshots alone: after a crash it is as it was at the last one."""

from __future__ import annotations

import time
from collections import Counter

from redis import Redis

from cli.dev.stack import local_stack
from revio_jobs import RevioJobs, UpdateJob, as_completed
from tests.acceptance.short_waits import BULK_QUEUE, SHORT_WAITS
from tests.patience import PATIENCE_S
from worker.ledger import Auditor

PRODUCTS = [product for product in range(5001, 6000) if product % 25][:600]


def take_a_snapshot(redis: Redis) -> None:
    before = redis.lastsave()
    # The time of a snapshot is told in seconds.
    time.sleep(1.1)
    redis.bgsave()
    while redis.lastsave() == before:
        time.sleep(0.02)


def test_after_a_crash_the_ledger_is_that_of_the_snapshot_and_goes_on_from_there() -> None:
    with (
        local_stack(
            workers={"bulk": (BULK_QUEUE,)},
            sandbox={"customers": 400, "calls_per_minute": 0, "latency": 0.1},
            environment=SHORT_WAITS,
        ) as stack,
        RevioJobs.connect(stack.redis.url) as jobs,
        Redis.from_url(stack.redis.url) as redis,
    ):
        handles = jobs.submit(
            UpdateJob(id=product, rate="7.77", idempotency_key=str(product)) for product in PRODUCTS
        )
        ended = as_completed(handles, timeout=PATIENCE_S)
        for _ in range(100):
            next(ended)
        take_a_snapshot(redis)
        for _ in range(50):
            next(ended)
        late = jobs.update(id=4999, rate="1", idempotency_key="late")
        stack.redis.kill()
        stack.redis.restart()
        # What was accepted since is forgotten, and its producer may say it again.
        assert jobs.find("default", "late") is None
        assert jobs.update(id=4998, rate="1", idempotency_key="late").job_id == late.job_id
        assert sum(1 for _ in ended) == len(PRODUCTS) - 150
        assert all(jobs.find("default", str(product)) for product in PRODUCTS)
        again = jobs.submit(
            UpdateJob(id=product, rate="7.77", idempotency_key=str(product)) for product in PRODUCTS
        )
        outcomes = Counter(handle.result(PATIENCE_S).outcome for handle in again)
        assert outcomes == {"applied": len(PRODUCTS)}
        audit = Auditor(redis, "default").audit()
        assert audit.balances, audit
        assert audit.balance.accepted == len(PRODUCTS) + 1
        assert audit.balance.succeeded == len(PRODUCTS)
        repeated = sum(len(done) > 1 for done in stack.sandbox.updates().values())
        assert repeated < len(PRODUCTS) - 100
