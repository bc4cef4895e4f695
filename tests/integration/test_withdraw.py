"""An accepted update is ended from outside, unless somebody has begun it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from redis import Redis

from revio_jobs import JobHandle, Lane, RevioJobs, UpdateJob, errors
from revio_jobs.celery_app import producer_app
from revio_jobs.message import encode_message
from tasks.ports import AlreadyEnded, Claimed, LeaseLost, NotNow, RawMessage
from tests.patience import PATIENCE_S
from worker.ledger import Auditor, LedgerTimes, RedisLedger

QUEUE = "revio.default.bulk"
OUTCOME = {"error": {"type": "Withdrawn", "args": ["revoked"]}}


class Place:
    """One product with two jobs."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)
        self.app = producer_app(url)
        self.ledger = RedisLedger(self.redis, LedgerTimes(60.0), partial(encode_message, self.app))
        with RevioJobs.connect(url) as jobs:
            self.first, self.second = jobs.submit(UpdateJob(id=1, rate=number) for number in (1, 2))

    def claim(self, handle: JobHandle[Any]) -> Any:
        return self.ledger.claim(handle.job, handle.job_id, Lane.BULK)

    def withdraw(self, handle: JobHandle[Any]) -> bool | None:
        return self.ledger.withdraw("default", handle.job_id, OUTCOME, "Withdrawn")


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    made = Place(redis_url)
    yield made
    made.redis.close()
    made.app.close()


@pytest.mark.parametrize("state", ["waiting", "delayed", "parked"])
def test_a_job_that_nobody_has_ends_and_the_next_goes_on(place: Place, state: str) -> None:
    job, other = (place.first, place.second) if state != "parked" else (place.second, place.first)
    if state == "delayed":
        place.ledger.delay(place.claim(job).lease, 60, unknown=False)
    if state == "parked":
        place.claim(job)
    assert place.withdraw(job)
    assert place.withdraw(job) is False
    assert isinstance(place.claim(job), AlreadyEnded)
    assert isinstance(place.claim(other), Claimed)
    audit = Auditor(place.redis, "default").audit()
    assert audit.balances
    assert audit.balance.ended == {"Withdrawn": 1}
    assert audit.balance.dead_letters == 0


def test_a_job_that_waited_behind_it_is_woken(place: Place) -> None:
    place.claim(place.second)
    place.redis.delete(QUEUE)
    place.withdraw(place.first)
    [message] = place.redis.lrange(QUEUE, 0, -1)
    assert json.loads(message)["headers"]["id"] == place.second.job_id
    assert json.loads(base64.b64decode(json.loads(message)["body"]))[1]["rate"] == "2"


@pytest.mark.parametrize(("state", "published"), [("parked", 1), ("waiting", 0), ("delayed", 0)])
def test_what_hangs_on_a_raw_job_ends_by_its_message_which_is_there_once(
    place: Place, state: str, published: int
) -> None:
    """A chord, or an error's callback. A parked job's message was acknowledged."""
    holder = place.claim(place.first)
    job = UpdateJob(id=1 if state == "parked" else 3, rate=3)
    text = encode_message(place.app, job, "raw", Lane.BULK)
    claim = place.ledger.claim(job, "raw", Lane.BULK, RawMessage(None, text))
    if state == "parked":
        assert isinstance(claim, NotNow)
    else:
        assert isinstance(claim, Claimed)
        if state == "delayed":
            place.ledger.delay(claim.lease, 60, unknown=False)
        else:
            place.ledger.requeue(claim.lease, unknown=False)
    place.redis.delete(QUEUE)
    assert place.ledger.withdraw("default", "raw", OUTCOME, "Withdrawn")
    assert place.redis.lrange(QUEUE, 0, -1) == [text.encode()] * published
    place.ledger.settle(holder.lease, OUTCOME, "Withdrawn", frozenset())


def test_a_job_that_a_worker_has_or_that_was_sent_goes_on(place: Place) -> None:
    lease = place.claim(place.first).lease
    assert place.withdraw(place.first) is False
    place.ledger.intend(lease, frozenset({"rate"}))
    place.ledger.delay(lease, 60, unknown=True)
    assert place.withdraw(place.first) is False
    with pytest.raises(LeaseLost):
        place.ledger.settle(lease, OUTCOME, "Withdrawn", frozenset())


def test_a_job_that_was_never_accepted_is_not_known(place: Place) -> None:
    assert place.ledger.withdraw("default", "nobody", OUTCOME, "Withdrawn") is None
    assert place.ledger.withdraw("acme", place.first.job_id, OUTCOME, "Withdrawn") is None


def test_its_caller_hears_why(place: Place, redis_url: str) -> None:
    place.withdraw(place.first)
    with RevioJobs.connect(redis_url) as jobs, pytest.raises(errors.Withdrawn, match="revoked"):
        jobs.submit([place.first.job])[0].result(timeout=PATIENCE_S)
