"""What no single job shows is told once for the whole fleet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from revio_jobs import Lane
from revio_jobs.ledger_keys import LedgerKeys
from tests.integration.account_place import RUN, Place
from worker.celery_app.oversight import Oversight
from worker.limiter import LimitRules, RedisLimiter

FEEDER = "revio:default:campaigns:feeder"


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    place = Place(redis_url)
    yield place
    place.close()


def told(*workers: Oversight, looks: int = 1) -> list[tuple[str, ...]]:
    """The events of level error, with what each is about."""
    with capture_logs() as logs:
        for _ in range(looks):
            for worker in workers:
                worker.check()
    assert all(log["log_level"] == "error" and log["fix"] for log in logs)
    what = ("missing", "runs", "job", "faults")
    return [(log["event"], *(log[name] for name in what if name in log)) for log in logs]


def test_a_fleet_in_order_is_silent(place: Place) -> None:
    place.submit(Lane.BULK)
    place.start_run()
    place.redis.set(FEEDER, "a worker")
    assert told(Oversight(place.redis, ["default", "other"]), looks=3) == []


def test_an_update_that_is_nowhere_is_told_once_until_another_one_is(place: Place) -> None:
    place.submit(Lane.BULK)
    place.redis.incr(LedgerKeys("default").sequence)
    first, second = Oversight(place.redis, ["default"]), Oversight(place.redis, ["default"])
    assert told(first, second) == []
    assert told(first, second, looks=3) == [("updates_missing", "1")]
    place.redis.delete(
        *place.redis.keys("revio:oversight:[0-9a-f]*")
    )  # as when the first worker has died
    assert told(second, looks=3) == []
    place.redis.incr(LedgerKeys("default").sequence)
    assert told(second, looks=3) == [("updates_missing", "2")]


def test_an_update_that_nobody_sweeps_is_told_until_somebody_does(place: Place) -> None:
    place.delay(Lane.BULK)
    delayed = LedgerKeys("default").delayed
    [(job_id, _)] = place.redis.zscan_iter(delayed)
    oversight = Oversight(place.redis, ["other", "default"])
    assert told(oversight, looks=3) == []
    place.redis.zincrby(delayed, -600_000, job_id)
    assert told(oversight, looks=3) == [("updates_overdue", job_id.decode())]
    place.redis.zincrby(delayed, 600_000, job_id)
    assert told(oversight, looks=3) == []


def test_a_vendor_that_fails_for_five_minutes_is_told_once(place: Place) -> None:
    rules = LimitRules(calls_per_minute=500, calls_per_day=150_000)
    limiter = RedisLimiter(place.redis, {"default": rules})
    for _ in range(rules.breaker_faults):
        limiter.report("default", healthy=False)
    oversight = Oversight(place.redis, ["other", "default"])
    assert told(oversight, looks=12) == []  # nobody calls
    place.submit(Lane.BULK)
    assert told(oversight, looks=9) == []
    assert told(oversight, looks=1) == [("vendor_fails", "10")]
    limiter.report("default", healthy=False)
    assert told(oversight, looks=3) == []
    limiter.report("default", healthy=True)
    assert told(oversight, looks=12) == []


def test_runs_that_nobody_feeds_are_told_by_name_and_again_when_it_happens_again(
    place: Place,
) -> None:
    place.start_run()
    oversight = Oversight(place.redis, ["default"])
    assert told(oversight, looks=3) == [("feeder_lost", RUN)]
    place.redis.set(FEEDER, "a worker")
    assert told(oversight) == []
    place.redis.delete(FEEDER)
    assert told(oversight, looks=3) == [("feeder_lost", RUN)]


def test_what_is_over_by_the_next_look_is_not_told(place: Place) -> None:
    """A feeder that has just died is followed by another one."""
    place.start_run()
    oversight = Oversight(place.redis, ["default"])
    told(oversight)
    place.redis.set(FEEDER, "another worker")
    assert told(oversight, looks=2) == []


def test_a_worker_of_other_accounts_neither_leads_ours_nor_forgets_what_was_told(
    place: Place,
) -> None:
    place.start_run()
    others, ours = (Oversight(place.redis, [account]) for account in ("sandbox", "default"))
    assert told(others, ours, looks=3) == [("feeder_lost", RUN)]
