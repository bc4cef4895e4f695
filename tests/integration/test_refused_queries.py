"""Interactive queries of a refused account end while its lanes are closed; updates keep waiting."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from celery.result import AsyncResult
from redis import Redis

from revio_jobs import Lane, RevioJobs, UpdateJob, errors
from revio_jobs.broker import queue_keys
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK, queue_name
from worker.celery_app.refused_queries import RefusedQueries
from worker.celery_app.result_backend import backend_url
from worker.limiter import LimitRules, RedisLimiter

REFUSAL = "the vendor refused the login (S2005)"
INTERACTIVE = queue_name("default", Lane.INTERACTIVE)


class Place:
    """A queue without workers."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)
        self.jobs = RevioJobs.connect(url)
        self.app = producer_app(url)
        self.app.conf.result_backend = backend_url(url)
        rules = LimitRules(calls_per_minute=500, calls_per_day=900)
        self.limiter = RedisLimiter(self.redis, {"default": rules})
        self.refused = RefusedQueries(self.app, self.redis, self.limiter, lambda: ["default"])

    def queued(self) -> int:
        return sum(int(self.redis.llen(key)) for key in queue_keys(INTERACTIVE))


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    made = Place(redis_url)
    yield made
    made.jobs.close()
    made.app.close()
    made.redis.close()


def test_queries_end_with_the_refusal_and_updates_stay_in_order(place: Place) -> None:
    first = place.jobs.update(id=5001, rate="1")
    query = place.jobs.query(ids=[5001])
    second = place.jobs.update(id=5002, rate="1")
    before = [message for message in place.redis.lrange(INTERACTIVE, 0, -1) if b"update" in message]
    place.limiter.close("default", REFUSAL)
    assert place.refused.end() == 1
    with pytest.raises(errors.Unauthorised, match="S2005"):
        query.result(timeout=1)
    assert place.redis.lrange(INTERACTIVE, 0, -1) == before
    assert not first.done()
    assert not second.done()
    assert place.refused.end() == 0


def test_nothing_ends_while_the_account_is_open_or_somebody_has_paused_the_vendor(
    place: Place,
) -> None:
    place.jobs.query(ids=[5001])
    assert place.refused.end() == 0
    place.limiter.pause("default", 60.0, "429")
    assert place.refused.end() == 0
    assert place.queued() == 1


def test_a_bulk_query_waits(place: Place) -> None:
    place.jobs.query(ids=[5001], lane=Lane.BULK)
    place.jobs.submit([UpdateJob(id=5001, rate="1")])
    place.limiter.close("default", REFUSAL)
    assert place.refused.end() == 0


@pytest.mark.parametrize("options", [{}, {"priority": 9}, {"compression": "gzip"}])
def test_a_raw_query_ends_and_so_does_what_follows_it(
    place: Place, options: dict[str, Any]
) -> None:
    query = place.app.signature(
        QUERY_TASK, kwargs={"ids": [5001]}, queue=INTERACTIVE, immutable=True
    )
    sent = (query | query.clone()).apply_async(**options)
    place.limiter.close("default", REFUSAL)
    assert place.refused.end() == 1
    assert place.queued() == 0
    for task in (sent.parent.id, sent.id):
        with pytest.raises(errors.Unauthorised):
            AsyncResult(task, app=place.app).get(timeout=2)


def test_a_query_of_a_client_that_sends_null_for_what_is_empty_ends(place: Place) -> None:
    headers = {"task": QUERY_TASK, "id": "of another language"}
    body = json.dumps([None, {"ids": [5001]}, None])
    place.redis.lpush(INTERACTIVE, json.dumps({"headers": headers, "body": body}))
    place.limiter.close("default", REFUSAL)
    assert place.refused.end() == 1


@pytest.mark.parametrize("compression", [None, ["zlib"], "application/x-gzip"])
def test_a_message_that_cannot_be_read_keeps_no_other_from_its_end(
    place: Place, compression: object
) -> None:
    headers = {"task": QUERY_TASK, "id": "foreign", "compression": compression}
    body = b64encode(b"[" * 100_000).decode()
    place.redis.lpush(INTERACTIVE, json.dumps({"headers": headers, "body": body}))
    place.jobs.query(ids=[5001])
    place.limiter.close("default", REFUSAL)
    assert place.refused.end() == 1
    assert place.queued() == 1


def test_what_is_not_a_message_of_celerys_is_left(place: Place) -> None:
    place.redis.lpush(INTERACTIVE, b"{}", b"not json " + QUERY_TASK.encode(), b"[]")
    place.limiter.close("default", REFUSAL)
    assert place.refused.end() == 0
    assert place.queued() == 3
