"""Workers of one account that go by different limits are told of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from structlog.testing import capture_logs

from cli.doctor.lane_checks import limits_findings
from settings import AccountSettings
from worker.limiter.limits_drift import Agreement, differences


def account(calls_per_minute: int = 500) -> AccountSettings:
    return AccountSettings(
        endpoint="https://vendor.example",
        username="user",
        password="hunter2",
        client_code="code",
        calls_per_minute=calls_per_minute,
        bulk_headroom_per_minute=25,
    )


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def noted(redis: Redis, worker: str, settings: AccountSettings) -> Agreement:
    agreement = Agreement(redis, {"default": settings}, worker)
    agreement.note()
    return agreement


def test_workers_that_agree_say_nothing(redis: Redis) -> None:
    with capture_logs() as logs:
        noted(redis, "a", account())
        noted(redis, "b", account()).note()
    assert logs == []
    assert list(limits_findings(redis, {"default": account()})) == []


def test_a_difference_is_told_once_by_each_and_by_doctor(redis: Redis) -> None:
    first = noted(redis, "a", account())
    with capture_logs() as logs:
        second = noted(redis, "b", account(100))
        second.note()
        first.note()
    told = [(log["setting"], log["ours"], log["theirs"], log["of"]) for log in logs]
    assert told == [("calls_per_minute", 100, 500, "a"), ("calls_per_minute", 500, 100, "b")]
    [finding] = limits_findings(redis, {"default": account()})
    assert finding.says == "calls_per_minute is 100 at b, and 500 here"
    assert b"hunter2" not in b"".join(redis.hvals("revio:default:limits"))


def test_a_worker_that_has_left_or_is_not_heard_of_does_not_count(redis: Redis) -> None:
    noted(redis, "a", account(100)).leave()
    assert differences(redis, "default", account()) == []
    noted(redis, "a", account(100))
    assert 0 < redis.ttl("revio:default:limits") <= 75
    redis.hset("revio:default:limits", "a", '{"at": 0, "limits": {"calls_per_minute": 100}}')
    assert differences(redis, "default", account()) == []
