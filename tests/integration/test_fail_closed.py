"""When Redis cannot answer, the ledger decides nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from revio_jobs import Lane, UpdateJob
from revio_jobs.errors import Unavailable
from sandbox.local.embedded_redis import free_port
from tasks.ports import Lease
from worker.ledger import LedgerTimes, RedisLedger

JOB = UpdateJob(id=1, rate=1)
LEASE = Lease("default", "job", 1, "token")
NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "step",
    [
        lambda ledger: ledger.claim(JOB, "job", Lane.BULK),
        lambda ledger: ledger.intend(LEASE, NONE),
        lambda ledger: ledger.settle(LEASE, {"ok": {}}, "applied", NONE),
        lambda ledger: ledger.bury(JOB, "job", Lane.BULK, {"error": {}}, "InvalidJob"),
        lambda ledger: ledger.requeue(LEASE, unknown=False),
        lambda ledger: ledger.delay(LEASE, 1.0, unknown=False),
        lambda ledger: ledger.defer(LEASE, 1.0, unknown=False),
    ],
    ids=["claim", "intend", "settle", "bury", "requeue", "delay", "defer"],
)
def test_a_ledger_that_cannot_be_asked_is_unavailable(step: Callable[[RedisLedger], None]) -> None:
    with Redis(port=free_port(), retry=Retry(NoBackoff(), 0)) as redis:
        ledger = RedisLedger(redis, LedgerTimes(45.0), encode=lambda *_: "")
        with pytest.raises(Unavailable, match="the ledger cannot be asked"):
            step(ledger)
