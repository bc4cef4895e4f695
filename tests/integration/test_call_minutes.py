"""Calls per minute and lane are counted from the record that the limiter keeps anyway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from revio_jobs.contracts import Lane
from tasks.ports import Call, Purpose
from worker.limiter import CallMinutes, Granted, LimitRules, RedisLimiter
from worker.limiter.charge import CallKeys

RULES = LimitRules(calls_per_minute=500, calls_per_day=5000, bulk_spread=False)
HOUR_S = 3600


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def charge(redis: Redis, at: float, token: str) -> None:
    """As the limiter wrote it then."""
    fields = {"at": round(at * 1_000_000), "token": token}
    redis.xadd(CallKeys("default").record, fields, id=f"{round(at * 1000)}-1")  # type: ignore[arg-type]


def test_calls_are_counted_by_minute_and_lane_and_refunds_are_not(redis: Redis) -> None:
    limiter = RedisLimiter(redis, {"default": RULES})
    minutes = CallMinutes(redis, "default")
    permits = []
    for lane in [Lane.INTERACTIVE] * 3 + [Lane.BULK] * 2:
        answer = limiter.admit(Call("default", lane, Purpose.UPDATE, "job"))
        assert isinstance(answer, Granted), answer
        permits.append(answer.permit)
    before = minutes.latest()
    limiter.refund(permits[-1])
    for latest, bulk in ((before, 2), (minutes.latest(), 1), (minutes.latest(), 1)):
        assert len(latest) == 60
        assert sum(minute.calls[Lane.INTERACTIVE] for minute in latest) == 3
        assert sum(minute.calls[Lane.BULK] for minute in latest) == bulk


def test_what_is_older_than_the_hour_is_not_counted(redis: Redis) -> None:
    now = 1_800_000_030.0
    charge(redis, now - HOUR_S - 60, "bulk.update.a")
    charge(redis, now - HOUR_S + 60, "bulk.update.b")
    charge(redis, now - 40, "interactive.query.c")
    times = [now]
    minutes = CallMinutes(redis, "default", clock=lambda: times[0])
    latest = minutes.latest()
    assert [place for place, minute in enumerate(latest) if minute.total] == [0, 58]
    assert latest[-1].begins_at == 1_800_000_000.0
    charge(redis, now, "bulk.update.d")
    times[0] += 60
    latest = minutes.latest()
    totals = {place: minute.total for place, minute in enumerate(latest) if minute.total}
    assert totals == {57: 1, 58: 1}


def test_an_account_that_has_called_nothing_has_sixty_empty_minutes(redis: Redis) -> None:
    assert [minute.total for minute in CallMinutes(redis, "default").latest()] == [0] * 60
