"""Workers of one account whose limits or clocks differ are reported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from structlog.testing import capture_logs

from cli.doctor.lane_checks import check_clocks, check_limits, check_releases
from settings import AccountSettings
from worker.limiter.limits_drift import PublishedLimits, differences

NOW = 1_800_000_000


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
def redis(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """Its clock stands, so that the time between question and answer makes no difference."""
    with Redis.from_url(redis_url) as client:
        monkeypatch.setattr(client, "time", lambda: (NOW, 0))
        yield client


def noted(redis: Redis, worker: str, settings: AccountSettings) -> PublishedLimits:
    published = PublishedLimits(redis, {"default": settings}, worker, lambda: NOW)
    published.publish()
    return published


def test_workers_that_agree_say_nothing(redis: Redis) -> None:
    with capture_logs() as logs:
        noted(redis, "a", account())
        noted(redis, "b", account()).publish()
    assert logs == []
    assert list(check_limits(redis, {"default": account()})) == []


def test_a_worker_of_another_release_is_told_by_doctor(redis: Redis) -> None:
    noted(redis, "a", account())
    assert list(check_releases(redis, ["default"])) == []
    stored: Any = redis.hget("revio:default:limits", "a")
    redis.hset("revio:default:limits", "b", json.dumps({**json.loads(stored), "version": "0.0.9"}))
    [finding] = check_releases(redis, ["default"])
    assert finding.says == "b runs 0.0.9"


def test_a_difference_is_told_once_by_each_and_by_doctor(redis: Redis) -> None:
    first = noted(redis, "a", account())
    with capture_logs() as logs:
        second = noted(redis, "b", account(100))
        second.publish()
        first.publish()
    told = [(log["setting"], log["ours"], log["theirs"], log["of"]) for log in logs]
    assert told == [("calls_per_minute", 100, 500, "a"), ("calls_per_minute", 500, 100, "b")]
    [finding] = check_limits(redis, {"default": account()})
    assert finding.says == "calls_per_minute is 100 at b, and 500 here"
    assert b"hunter2" not in b"".join(redis.hvals("revio:default:limits"))


def test_a_worker_that_has_left_or_is_not_heard_of_does_not_count(redis: Redis) -> None:
    noted(redis, "a", account(100)).leave()
    assert differences(redis, "default", account()) == []
    noted(redis, "a", account(100))
    assert 0 < redis.ttl("revio:default:limits") <= 75
    redis.hset("revio:default:limits", "a", '{"at": 0, "limits": {"calls_per_minute": 100}}')
    assert differences(redis, "default", account()) == []


def at_a_host(redis: Redis, worker: str, ahead_s: float) -> PublishedLimits:
    return PublishedLimits(redis, {"default": account()}, worker, lambda: NOW + ahead_s)


@pytest.mark.parametrize(
    ("ahead_s", "says"), [(120.0, "a is 120.0 s ahead"), (-3.0, "a is 3.0 s behind")]
)
def test_a_worker_whose_hosts_clock_is_off_warns_once_and_so_does_doctor(
    redis: Redis, ahead_s: float, says: str
) -> None:
    noted(redis, "b", account())
    worker = at_a_host(redis, "a", ahead_s)
    with capture_logs() as logs:
        worker.publish()
        worker.publish()
    [log] = logs
    assert (log["event"], log["log_level"]) == ("clock_is_off", "warning")
    assert log["ahead_of_redis_s"] == ahead_s
    [finding] = check_clocks(redis, ["default"])
    assert finding.says.startswith(says[:8])
    assert says.rpartition(" ")[2] in finding.says


def test_clocks_that_nearly_agree_are_not_reported(redis: Redis) -> None:
    with capture_logs() as logs:
        at_a_host(redis, "a", 1.5).publish()
    assert logs == []
    assert list(check_clocks(redis, ["default"])) == []
