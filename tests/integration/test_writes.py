from __future__ import annotations

from decimal import Decimal

from redis import Redis

from revio_jobs import Lane, UpdateJob
from revio_jobs.contracts import job_id_of
from tasks.ports import Claimed
from worker.ledger import LedgerTimes, RedisLedger, RedisWrites


def test_a_write_is_known_to_all_from_the_moment_in_which_its_outcome_is(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        ledger = RedisLedger(redis, LedgerTimes(45.0), encode=lambda *_: "")
        writes = RedisWrites(redis)
        for product, wrote in ((1, {"rate"}), (2, set())):
            job = UpdateJob(id=product, rate=Decimal(1), idempotency_key=f"k{product}")
            claim = ledger.claim(job, job_id_of("default", f"k{product}"), Lane.BULK)
            assert isinstance(claim, Claimed)
            ledger.intend(claim.lease, frozenset({"rate"}))
            assert writes.last("default", [product]) == {}
            before = writes.now()
            ledger.settle(claim.lease, {"ok": {}}, "applied", frozenset(wrote))
        assert set(writes.last("default", [1, 2, 3])) == {1}
        [at] = writes.last("default", [1]).values()
        assert before - 1000 < at <= writes.now()
        assert writes.last("other", [1]) == {}
