"""What `revio explain` says of a job in every place that it can be in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from revio_jobs import Lane, RevioJobs, UpdateJob
from revio_jobs.broker import HELD
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from revio_jobs.message import encode_message
from settings import AccountSettings
from tasks.ports import Claimed
from worker.ledger import LedgerTimes, RedisLedger
from worker.limiter import LanePauses, LimitRules, Pause, RedisLimiter
from worker.limiter.limits_drift import PublishedLimits

Revio = Callable[..., Any]
Explain = Callable[..., Any]

ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(autouse=True)
def worker(redis: Redis) -> None:
    """One serves both lanes."""
    account = AccountSettings(
        endpoint="http://127.0.0.1:1/v20/default.asmx",
        username="user",
        password="password",
        client_code="code",
    )
    PublishedLimits(redis, {"default": account}, "worker@here").publish()


@pytest.fixture
def jobs(redis_url: str) -> Iterator[RevioJobs]:
    with RevioJobs.connect(redis_url) as client:
        yield client


@pytest.fixture
def ledger(redis: Redis, redis_url: str) -> Iterator[RedisLedger]:
    with producer_app(redis_url) as app:
        yield RedisLedger(
            redis,
            LedgerTimes(45.0),
            encode=lambda job, job_id, lane: encode_message(app, job, job_id, lane),
        )


@pytest.fixture
def explain(revio: Revio, redis_url: str) -> Explain:
    settings = {
        "REVIO_REDIS_URL": redis_url,
        f"{ACCOUNT}ENDPOINT": "http://127.0.0.1:1/v20/default.asmx",
        f"{ACCOUNT}USERNAME": "user",
        f"{ACCOUNT}PASSWORD": "password",
        f"{ACCOUNT}CLIENT_CODE": "code",
    }

    def run(*arguments: str) -> Any:
        result = revio("explain", *arguments, "--json", env=settings)
        assert result.code == 0, result.err
        return result.document

    return run


def update(product_id: int, key: str) -> UpdateJob:
    return UpdateJob(id=product_id, rate="12.50", idempotency_key=key)


def claim(ledger: RedisLedger, job: UpdateJob, job_id: str) -> Claimed:
    claimed = ledger.claim(job, job_id, Lane.BULK)
    assert isinstance(claimed, Claimed)
    return claimed


def test_a_queued_job_is_told_how_many_are_ahead_and_when_it_runs(
    jobs: RevioJobs, explain: Explain
) -> None:
    jobs.submit([update(number, f"key-{number}") for number in range(1, 991)], Lane.BULK)
    began = time.time()
    last = explain("--key", "key-990")
    assert last["state"] == "queued"
    # Those accepted in the same millisecond have no order.
    assert _ahead(last) == pytest.approx(989, abs=150)
    # At 495 calls a minute.
    wait_s = _ahead(last) / 495 * 60
    assert began + wait_s - 3 < _unix(last["runs_at"]) < time.time() + wait_s + 3
    assert _ahead(explain("--key", "key-1")) < 150


def test_a_pause_and_a_paused_lane_are_the_nearest_reasons(
    jobs: RevioJobs, redis: Redis, redis_url: str, revio: Revio, explain: Explain
) -> None:
    jobs.submit([update(1, "a")], Lane.BULK)
    limiter = RedisLimiter(redis, {"default": LimitRules(calls_per_minute=500, calls_per_day=900)})
    began = time.time()
    limiter.pause("default", 90.0, "the vendor's minute is used up (429)")
    told = explain("--key", "a")
    assert "429" in told["because"][0]
    assert began + 90 - 3 < _unix(told["runs_at"]) < time.time() + 90 + 3
    pause = ("lane", "pause", "--lane", "bulk", "--reason", "month-end")
    assert revio(*pause, env={"REVIO_REDIS_URL": redis_url}).code == 0
    told = explain("--key", "a")
    assert "month-end" in " ".join(told["because"])
    assert told["runs_at"] is None


def test_a_job_is_followed_from_worker_to_outcome(
    jobs: RevioJobs, ledger: RedisLedger, explain: Explain
) -> None:
    first, second = update(7, "first"), update(7, "second")
    one, two = (handle.job_id for handle in jobs.submit([first, second], Lane.BULK))
    lease = claim(ledger, first, one).lease
    assert explain(one)["state"] == "running"
    ledger.claim(second, two, Lane.BULK)
    parked = explain(two)
    assert parked["state"] == "parked"
    assert one in parked["because"][0]
    ledger.intend(lease, frozenset({"rate"}))
    assert "rate: sent" in explain(one)["because"][1]
    ledger.delay(lease, 40.0, unknown=True)
    delayed = explain(one)
    assert delayed["state"] == "delayed"
    assert "looked up" in delayed["because"][0]
    assert time.time() < _unix(delayed["runs_at"]) <= time.time() + 41


def test_a_delayed_and_a_parked_job_wait_for_their_lane_too(
    jobs: RevioJobs, ledger: RedisLedger, redis: Redis, explain: Explain
) -> None:
    first, second = update(7, "first"), update(7, "second")
    one, two = (handle.job_id for handle in jobs.submit([first, second], Lane.BULK))
    lease = claim(ledger, first, one).lease
    ledger.claim(second, two, Lane.BULK)
    ledger.intend(lease, frozenset({"rate"}))
    ledger.delay(lease, 40.0, unknown=True)
    LanePauses(redis).pause("default", Lane.BULK, Pause("month end", "ann", datetime.now(UTC)))
    for job_id in (one, two):
        assert "month end" in explain(job_id)["because"][1]
        assert explain(job_id)["runs_at"] is None
    LanePauses(redis).resume("default", Lane.BULK)
    redis.delete("revio:default:limits")
    assert "nobody serves this lane" in explain(one)["because"][1]


def test_a_deferred_job_is_not_said_to_have_failed(
    jobs: RevioJobs, ledger: RedisLedger, explain: Explain
) -> None:
    job = update(7, "deferred")
    (handle,) = jobs.submit([job], Lane.BULK)
    ledger.defer(claim(ledger, job, handle.job_id).lease, 0.0, unknown=False)
    told = explain(handle.job_id)
    assert told["state"] == "delayed"
    assert "a query may not show the product's last update yet" in told["because"][0]
    again = claim(ledger, job, handle.job_id)
    assert again.attempt == 1
    ledger.delay(again.lease, 40.0, unknown=False, why="Unavailable: no answer")
    assert "an attempt failed" in explain(handle.job_id)["because"][0]


def test_an_ended_job_says_how_and_when(
    jobs: RevioJobs, ledger: RedisLedger, explain: Explain
) -> None:
    job = update(8, "done")
    (handle,) = jobs.submit([job], Lane.BULK)
    lease = claim(ledger, job, handle.job_id).lease
    ledger.settle(lease, {"ok": {"outcome": "applied"}}, "applied", frozenset({"rate"}))
    told = explain(handle.job_id)
    assert told["state"] == "ended"
    assert "applied" in told["because"][0]


def test_a_query_is_found_in_its_queue(jobs: RevioJobs, explain: Explain) -> None:
    handles = [jobs.query(ids=[number]) for number in range(1, 700)]
    told = explain(handles[600].job_id)
    assert told["because"] == ["ahead of it in revio.default.interactive: 600 jobs"]


def test_a_query_of_lower_priority_is_found_behind_the_others(
    redis: Redis, redis_url: str, jobs: RevioJobs, explain: Explain
) -> None:
    jobs.query(ids=[1])
    with producer_app(redis_url) as app:
        options = {"queue": "revio.default.interactive", "priority": 6}
        raw = app.send_task(QUERY_TASK, kwargs={"ids": [2]}, **options)
    assert explain(raw.id)["because"] == ["ahead of it in revio.default.interactive: 1 job"]


@pytest.mark.parametrize("text", ["x", "source", "mentioned-in-another"])
def test_a_job_whose_message_merely_contains_the_text_is_not_it(
    text: str, jobs: RevioJobs, explain: Explain
) -> None:
    jobs.query(ids=[1], source="mentioned-in-another")
    with pytest.raises(AssertionError, match=r"no job .* is known to account default.*--key"):
        explain(text)


def test_an_empty_id_is_refused(explain: Explain) -> None:
    with pytest.raises(AssertionError, match="give either a job's id or --key"):
        explain("")


def test_an_unknown_job_fails(revio: Revio, redis_url: str, explain: Explain) -> None:
    with pytest.raises(AssertionError, match="no job nobody is known"):
        explain("nobody")


def _ahead(told: Any) -> int:
    """Jobs of one millisecond are in no order."""
    place, _, count = told["because"][0].partition(": ")
    assert place == "ahead of it in revio.default.bulk"
    return int(count.split()[0].replace(",", ""))


def _unix(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_a_job_of_a_lane_that_nobody_serves_says_so_and_no_time(
    redis: Redis, jobs: RevioJobs, explain: Explain
) -> None:
    redis.delete("revio:default:limits")
    [handle] = jobs.submit([UpdateJob(id=5001, rate="12.50")], Lane.BULK)
    explanation = explain(handle.job_id)
    assert explanation["because"][0].startswith("nobody serves this lane")
    assert explanation["because"][0].endswith("-Q revio.default.bulk")
    assert explanation["runs_at"] is None


@pytest.mark.parametrize("eta", [None, "2030-01-31T12:00:00+00:00"])
def test_a_raw_job_that_a_worker_holds_is_known_with_its_countdown(
    redis: Redis, explain: Explain, eta: str | None
) -> None:
    message = json.dumps({"headers": {"id": "raw-1", "eta": eta}})
    redis.hset(HELD, "tag.1", f"revio.default.bulk\n{message}")
    explanation = explain("raw-1")
    assert explanation["state"] == ("delayed" if eta else "running")
    assert explanation["runs_at"] == eta
    assert "revio.default.bulk" in explanation["because"][0]


def test_whoever_submitted_a_job_is_named(
    redis: Redis, jobs: RevioJobs, explain: Explain, redis_url: str
) -> None:
    [update_] = jobs.submit([UpdateJob(id=5001, rate="12.50", source="portal")], Lane.BULK)
    query = jobs.query(ids=[1], source="batch")
    with producer_app(redis_url) as app:
        raw = app.send_task(
            UPDATE_TASK,
            kwargs={"id": 1, "rate": "1"},
            queue="revio.default.interactive",
            headers={"revio_source": "erp"},
        )
    assert explain(update_.job_id)["source"] == "portal"
    assert explain(query.job_id)["source"] == "batch"
    assert explain(raw.id)["source"] == "erp"
    message: Any = redis.rpop("revio.default.interactive")
    redis.hset(HELD, "tag.1", f"revio.default.interactive\n{message.decode()}")
    assert explain(query.job_id)["source"] == "batch"


@pytest.mark.parametrize(
    ("queue", "advice"),
    [
        ("revio.default.interactiv", "queue to revio.default.interactive"),
        ("revio.defualt.bulk", "was revio.default.bulk meant?"),
        ("revio.x", "queue to revio.<account>.interactive or .bulk"),
    ],
)
def test_a_job_in_a_queue_with_a_mistyped_name_is_found_with_the_right_one(
    explain: Explain, redis_url: str, queue: str, advice: str
) -> None:
    with producer_app(redis_url) as app:
        lost = app.send_task(UPDATE_TASK, kwargs={"id": 1, "rate": "1"}, queue=queue)
    explanation = explain(lost.id)
    assert explanation["state"] == "queued"
    assert (
        explanation["because"][0]
        == f"its message is in the queue {queue}, from which no worker takes"
    )
    assert advice in explanation["because"][1]
