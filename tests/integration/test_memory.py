"""What a job costs in Redis's memory, while it waits and once it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from redis import Redis

from revio_jobs import JobHandle, Lane, RevioJobs, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.message import encode_message
from worker.ledger import LedgerTimes, RedisLedger

Record = Callable[[str, object], None]

JOBS = 2000
KEY_BYTES = 200
"""What a key may cost, its name included, once its result has expired."""
HISTORY_BYTES = 400
"""What an ended update's entry in the history may cost."""


class Place:
    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)
        self.jobs = RevioJobs.connect(url)
        self.app = producer_app(url)
        encode = partial(encode_message, self.app)
        self.ledger = RedisLedger(self.redis, LedgerTimes(60.0), encode)

    def used(self) -> int:
        return int(self.redis.info("memory")["used_memory"])

    def submit(self) -> list[JobHandle[Any]]:
        return self.jobs.submit(
            UpdateJob(id=5000 + number, rate="1234.56", idempotency_key=f"order-2026-{number:06}")
            for number in range(JOBS)
        )

    def run(self, handle: JobHandle[Any], how: str) -> None:
        claim: Any = self.ledger.claim(handle.job, handle.job_id, Lane.BULK)
        outcome = {"ok": {"outcome": how, "id": 5000, "calls": 1, "sent": ["rate"]}}
        self.ledger.settle(claim.lease, outcome, how, frozenset({"rate"}))


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    made = Place(redis_url)
    yield made
    made.redis.close()
    made.jobs.close()
    made.app.close()


def test_a_settled_key_costs_at_most_two_hundred_bytes(
    place: Place, record_testsuite_property: Record
) -> None:
    place.redis.ping()
    before = place.used()
    handles = place.submit()
    waiting = (place.used() - before) / JOBS
    place.redis.delete("revio.default.bulk")
    for handle in handles:
        place.run(handle, "UnsupportedChange")
    costs = [place.redis.memory_usage(f"revio:default:job:{job.job_id}") for job in handles]
    # A single one may be given a little more than it asked for, as the allocator's chunks lie.
    assert sum(costs) / JOBS <= KEY_BYTES
    outcomes = place.redis.keys("revio:default:outcome:*")
    products = place.redis.keys("revio:default:product:*")
    history = place.redis.memory_usage("revio:default:history", samples=0)
    figures = {
        "history": history / JOBS,
        "waiting_job": waiting,
        "settled_key": sum(costs) / JOBS,
        "outcome": sum(map(place.redis.memory_usage, outcomes)) / JOBS,
        "product": sum(map(place.redis.memory_usage, products)) / JOBS,
    }
    place.redis.delete(*outcomes, *products)
    place.redis.memory_purge()
    figures["settled_key_with_tables"] = (place.used() - before) / JOBS
    for name, figure in figures.items():
        record_testsuite_property(f"redis_bytes_{name}", round(figure))
    assert waiting < 3000
    assert figures["history"] <= HISTORY_BYTES
