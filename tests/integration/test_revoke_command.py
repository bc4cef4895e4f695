"""What `revoke` answers and leaves in Redis, of updates that a worker has and that have ended."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import pytest
from celery.utils.collections import LimitedSet
from celery.worker.control import Panel
from redis import Redis

from revio_jobs import JobHandle, Lane, RevioJobs, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import UpdateResult
from revio_jobs.message import encode_message
from tasks.ports import Claimed
from worker.celery_app.control import Revoking
from worker.celery_app.result_backend import backend_url
from worker.celery_app.revocations import Revocations
from worker.ledger import LedgerTimes, RedisLedger

NOWHERE = "redis://127.0.0.1:1/0"


class Place:
    """A worker's command, on its Redis; the command may be heard where Redis does not answer."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)
        self.app = producer_app(url)
        self.app.conf.result_backend = backend_url(url)
        self.jobs = RevioJobs.connect(url)
        self.ledger = self._ledger(self.redis)

    def close(self) -> None:
        self.redis.close()
        self.app.close()
        self.jobs.close()

    def submit(self, key: str, product: int) -> JobHandle[UpdateResult]:
        return self.jobs.submit([UpdateJob(id=product, rate=1, idempotency_key=key)])[0]

    def claim(self, handle: JobHandle[UpdateResult]) -> Claimed:
        assert isinstance(handle.job, UpdateJob)
        claim = self.ledger.claim(handle.job, handle.job_id, Lane.BULK)
        assert isinstance(claim, Claimed)
        return claim

    def revoke(self, *job_ids: str, redis: Redis | None = None) -> dict[str, str]:
        redis = redis or self.redis
        ledger, revocations = self._ledger(redis), Revocations(redis, LimitedSet(maxlen=10), 3600.0)
        Revoking(self.app, ["default"], lambda: ledger, lambda: revocations)
        worker = SimpleNamespace(app=self.app)
        answer: dict[str, str] = Panel.data["revoke"](worker, list(job_ids))
        return answer

    def known_to_a_worker_that_starts_later(self) -> set[str]:
        remembered = LimitedSet(maxlen=10)
        Revocations(self.redis, remembered, 3600.0).read()
        return set(remembered)

    def _ledger(self, redis: Redis) -> RedisLedger:
        return RedisLedger(redis, LedgerTimes(60.0), partial(encode_message, self.app))


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    made = Place(redis_url)
    yield made
    made.close()


def test_an_update_that_a_worker_has_is_not_run_by_one_that_starts_later(place: Place) -> None:
    waits, is_taken, has_ended = (place.submit(key, at) for at, key in enumerate("abc", 1))
    place.claim(is_taken)
    lease = place.claim(has_ended).lease
    place.ledger.settle(lease, {"ok": {"outcome": "applied"}}, "applied", frozenset({"rate"}))
    answer = place.revoke(waits.job_id, is_taken.job_id, has_ended.job_id, "a raw query")
    assert all(handle.job_id in answer["ok"] for handle in (waits, is_taken, has_ended))
    assert waits.done()
    assert place.app.AsyncResult(is_taken.job_id).state == "PENDING"
    # The keys of those that have ended may come to name other jobs.
    assert place.known_to_a_worker_that_starts_later() == {is_taken.job_id, "a raw query"}


def test_a_revoke_that_redis_does_not_take_is_not_said_to_hold(place: Place) -> None:
    waits = place.submit("a", 1)
    with Redis.from_url(NOWHERE) as nowhere:
        answer = place.revoke(waits.job_id, redis=nowhere)
    assert waits.job_id in answer["error"]
    assert not waits.done()
