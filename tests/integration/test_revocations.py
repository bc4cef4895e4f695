"""Revoked ids are known to workers that did not hear of the revocation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from celery.utils.collections import LimitedSet
from redis import Redis

from revio_jobs.broker import REVOKED
from worker.celery_app.revocations import Revocations

KEPT_S = 3600.0


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


def worker(redis: Redis, maxlen: int = 10) -> tuple[Revocations, LimitedSet]:
    remembered = LimitedSet(maxlen=maxlen, expires=60)
    return Revocations(redis, remembered, KEPT_S), remembered


def test_a_worker_knows_what_was_revoked_before_its_start_and_while_it_was_away(
    redis: Redis,
) -> None:
    first, _ = worker(redis)
    first.note(["one"])
    second, remembered = worker(redis)
    second.read()
    assert set(remembered) == {"one"}
    first.note(["two"])
    second.read()
    assert set(remembered) == {"one", "two"}


def test_an_id_that_is_read_again_is_known_all_the_while(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    knowing, remembered = worker(redis)
    knowing.note(["one"])
    knowing.read()
    monkeypatch.setattr(remembered, "discard", lambda name: pytest.fail(f"{name} was let go"))
    knowing.read()
    assert "one" in remembered


def test_an_id_is_remembered_for_its_time_and_the_newest_ones_at_most(redis: Redis) -> None:
    noting, remembered = worker(redis, maxlen=2)
    assert remembered.expires == KEPT_S
    redis.zadd(REVOKED, {"old": redis.time()[0] - KEPT_S - 1})
    _, empty = late = worker(redis)
    late[0].read()
    assert not empty
    for job_id in ("one", "two", "three"):
        noting.note([job_id])
    assert redis.zrange(REVOKED, 0, -1) == [b"two", b"three"]
    assert 0 < redis.ttl(REVOKED) <= KEPT_S
