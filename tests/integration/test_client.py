"""The producers' door on a real Redis, with the worker's side played by the ledger itself."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from revio_jobs import Lane, QueryJob, RevioJobs, UpdateJob, as_completed, errors
from revio_jobs.celery_app import producer_app
from revio_jobs.connection import connect_redis
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK, job_id_of
from revio_jobs.message import encode_message
from sandbox.local.embedded_redis import embedded_redis
from tasks.decision import failed
from tests.patience import PATIENCE_S
from worker.ledger import LedgerTimes, RedisLedger
from worker.redis_kit.result_pages import RedisPages

INTERACTIVE = "revio.default.interactive"
BULK = "revio.default.bulk"
APPLIED: dict[str, Any] = {"outcome": "applied", "id": 1, "calls": 1, "sent": ["rate"]}
FOUND: dict[str, Any] = {
    "customer_products": [{"customer_product_id": 1, "rate": "12.50"}],
    "fetched_at": "2026-02-01T10:00:00+00:00",
}
# Celery 5.7 stores results by a command that redis-py 8 would rather see written otherwise.
celery_stores = pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")


@dataclass(frozen=True)
class Place:
    """A producer, and what a worker would touch."""

    url: str
    jobs: RevioJobs
    redis: Redis
    app: Celery
    ledger: RedisLedger

    def queue(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.redis.lrange(name, 0, -1)]

    def end(self, handle: Any, outcome: dict[str, Any], how: str = "applied") -> None:
        claim: Any = self.ledger.claim(handle.job, handle.job_id, Lane.BULK)
        self.ledger.settle(claim.lease, outcome, how, frozenset())

    def forget_result(self, handle: Any) -> None:
        self.redis.delete(f"revio:default:outcome:{handle.job_id}")


@contextmanager
def place(url: str) -> Iterator[Place]:
    app = producer_app(url)
    with Redis.from_url(url) as redis, RevioJobs.connect(url) as jobs:
        ledger = RedisLedger(redis, LedgerTimes(45.0), partial(encode_message, app))
        yield Place(url, jobs, redis, app, ledger)
    app.close()


@pytest.fixture
def here(redis_url: str) -> Iterator[Place]:
    with place(redis_url) as opened:
        yield opened


def body(message: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(message["body"]))


def test_an_accepted_update_is_in_its_queue_and_in_the_ledger(here: Place) -> None:
    handle = here.jobs.update(id=5001, rate=Decimal("12.50"), idempotency_key="k")
    assert (handle.submission, handle.state, handle.done()) == ("new", "PENDING", False)
    assert handle.job_id == job_id_of("default", "k")
    [message] = here.queue(INTERACTIVE)
    fields = {"account": "default", "id": 5001, "rate": "12.50", "idempotency_key": "k"}
    assert body(message)[:2] == [[], fields]
    assert message["headers"]["id"] == handle.job_id
    assert here.redis.exists(f"revio:default:job:{handle.job_id}")
    assert here.redis.zcard("revio:default:waiting:interactive") == 1


def test_a_job_is_kept_as_it_was_submitted_in_any_script(here: Place) -> None:
    texts = ['"\\/', "\u2028", "Ünï 😀", "%s {0} \\u0041", "1e5", ""]
    jobs = [
        UpdateJob(id=number, description=text, idempotency_key=f"k{text}", code1=text)
        for number, text in enumerate(texts, 1)
    ]
    handles = here.jobs.submit(jobs)
    for job, handle, message in zip(jobs, handles, reversed(here.queue(BULK)), strict=True):
        kept = here.redis.hget(f"revio:default:job:{handle.job_id}", "payload")
        assert kept == job.payload().encode()
        assert body(message)[1] == job.kwargs()


def test_a_server_that_was_told_to_forget_its_scripts_is_given_them_again(here: Place) -> None:
    here.jobs.update(id=1, rate="1")
    here.redis.script_flush()
    [query, update] = here.jobs.submit([QueryJob(ids=[1]), UpdateJob(id=1, rate="2")])
    assert (query.submission, update.submission) == ("new", "new")
    assert len(here.queue(BULK)) == 2
    here.redis.script_flush()
    assert not update.done()


def test_an_accepted_query_is_in_its_queue_with_only_what_was_asked(here: Place) -> None:
    handle = here.jobs.query(ids=range(1, 4), lane=Lane.BULK, max_age=60)
    [message] = here.queue(BULK)
    assert body(message)[1] == {"account": "default", "ids": [1, 2, 3], "max_age": 60}
    assert message["headers"]["id"] == handle.job_id
    assert message["headers"]["argsrepr"] == "query ids=1,2,3"


@pytest.mark.parametrize(
    ("job", "queue", "lane"),
    [
        (UpdateJob(id=1, activated_date=date(2026, 1, 31)), INTERACTIVE, Lane.INTERACTIVE),
        (QueryJob(customer_ids=(7,)), BULK, Lane.BULK),
    ],
)
def test_a_message_is_what_celery_itself_would_have_sent(
    here: Place, job: UpdateJob | QueryJob, queue: str, lane: Lane
) -> None:
    [handle] = here.jobs.submit([job], lane)
    kwargs = handle.job.kwargs() if handle.job else {}
    here.app.send_task(job.task, kwargs=kwargs, task_id=handle.job_id, queue=queue)
    theirs, ours = here.queue(queue)
    assert body(theirs) == body(ours)
    # For the eyes of operators, for RPC only, and made anew for each message.
    for message in (theirs, ours):
        for name in ("argsrepr", "kwargsrepr", "origin"):
            assert isinstance(message["headers"].pop(name), str)
        for name in ("reply_to", "delivery_tag"):
            assert isinstance(message["properties"].pop(name), str)
        assert not message["headers"].pop("ignore_result")
        del message["body"]
    assert theirs == ours


def test_names_on_the_wire_are_enough_to_submit_a_job(here: Place) -> None:
    here.app.send_task(QUERY_TASK, kwargs={"ids": [1]}, queue=INTERACTIVE)
    here.app.send_task(UPDATE_TASK, kwargs={"id": 1, "rate": "1"}, queue=INTERACTIVE)
    assert [message["headers"]["task"] for message in here.queue(INTERACTIVE)] == [
        UPDATE_TASK,
        QUERY_TASK,
    ]


def test_invalid_input_reaches_no_queue(here: Place) -> None:
    with pytest.raises(errors.InvalidJob, match=r"rate: 1\.5 is not allowed"):
        here.jobs.update(id=1, rate=1.5)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidJob, match="ids: 5 is not allowed"):
        here.jobs.query(ids=5)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidJob, match="give at least one of ids"):
        here.jobs.query()
    with pytest.raises(errors.InvalidJob, match="clear: 'rate' is not allowed"):
        here.jobs.update(id=1, clear="rate")
    assert here.redis.dbsize() == 0


def test_what_is_not_a_job_or_a_lane_reaches_no_queue(here: Place) -> None:
    job = UpdateJob(id=1, rate=Decimal(1))
    for given, says in (
        ([job, {"id": 1}], "job 2: {'id': 1} is not allowed: expected a QueryJob or an UpdateJob"),
        (job, "expected a list of jobs, not a single job"),
    ):
        with pytest.raises(errors.InvalidJob) as caught:
            here.jobs.submit(given)
        assert str(caught.value) == says
    with pytest.raises(errors.InvalidJob, match=r"lane: 'fast' .* 'interactive' or 'bulk'"):
        here.jobs.query(ids=[1], lane="fast")
    assert here.redis.dbsize() == 0
    here.jobs.query(ids=[1], lane="bulk")
    assert here.redis.llen(BULK) == 1


def test_without_a_key_every_submission_is_a_job_of_its_own(here: Place) -> None:
    handles = [here.jobs.update(id=1, rate=rate) for rate in ("10", "12", "10")]
    assert len({handle.job_id for handle in handles}) == 3
    assert {handle.submission for handle in handles} == {"new"}
    assert len(here.queue(INTERACTIVE)) == 3


def test_the_same_key_and_change_is_the_same_job(here: Place) -> None:
    first = here.jobs.update(id=1, rate="10", idempotency_key="k")
    second = here.jobs.update(id=1, rate="10.00", idempotency_key="k")
    assert (second.submission, second.job_id) == ("attached", first.job_id)
    assert len(here.queue(INTERACTIVE)) == 1


def test_a_key_of_another_change_is_refused_and_harms_nothing(here: Place) -> None:
    first = here.jobs.update(id=1, rate="10", idempotency_key="k")
    with pytest.raises(errors.IdempotencyConflict) as caught:
        here.jobs.update(id=1, rate="12", idempotency_key="k")
    assert caught.value.args == ("default", "k", first.job_id)
    assert len(here.queue(INTERACTIVE)) == 1
    here.end(first, {"ok": APPLIED})
    assert first.result(1).outcome == "applied"


def test_among_many_a_conflict_is_told_by_its_handle(here: Place) -> None:
    wishes = [UpdateJob(id=1, rate=Decimal(rate), idempotency_key="k") for rate in (1, 2, 1)]
    handles = here.jobs.submit(wishes)
    assert [handle.submission for handle in handles] == ["new", "conflict", "attached"]
    assert (handles[1].done(), handles[1].state) == (True, "FAILURE")
    with pytest.raises(errors.IdempotencyConflict):
        handles[1].result()


def test_a_job_that_has_ended_gives_its_outcome_at_once(here: Place) -> None:
    here.end(here.jobs.update(id=1, rate="10", idempotency_key="k"), {"ok": APPLIED})
    again = here.jobs.update(id=1, rate="10", idempotency_key="k")
    assert (again.submission, again.state, again.done()) == ("settled", "SUCCESS", True)
    assert again.result(0).sent == ("rate",)
    assert len(here.queue(INTERACTIVE)) == 1


def test_a_job_whose_result_has_gone_is_told_and_not_run_again(here: Place) -> None:
    first = here.jobs.update(id=1, rate="10", idempotency_key="k")
    here.end(first, {"ok": APPLIED})
    here.forget_result(first)
    again = here.jobs.update(id=1, rate="10", idempotency_key="k")
    found = here.jobs.find("default", "k")
    assert found is not None
    for handle in (again, found):
        assert handle.submission == "expired"
        with pytest.raises(errors.ResultExpired) as caught:
            handle.result(0)
        assert (caught.value.job_id, caught.value.outcome) == (first.job_id, "applied")
        assert abs(caught.value.settled_at - time.time()) < 60
    assert len(here.queue(INTERACTIVE)) == 1


def test_a_caller_that_crashed_finds_its_job_by_key(here: Place) -> None:
    first = here.jobs.update(id=1, rate="10", idempotency_key="k")
    waiting = here.jobs.find("default", "k")
    assert waiting is not None
    assert (waiting.job_id, waiting.submission, waiting.done()) == (
        first.job_id,
        "attached",
        False,
    )
    here.end(first, {"ok": APPLIED})
    assert waiting.result(1).outcome == "applied"
    ended = here.jobs.find("default", "k")
    assert ended is not None
    assert (ended.submission, ended.state) == ("settled", "SUCCESS")
    assert here.jobs.find("default", "another") is None
    assert here.jobs.find("acme", "k") is None


def test_a_failed_job_raises_its_error_with_its_fields(here: Place) -> None:
    handle = here.jobs.update(id=1, rate="10")
    here.end(handle, dict(failed(errors.Rejected("E7", "no such product")).outcome), "Rejected")
    with pytest.raises(errors.Rejected) as caught:
        handle.result(1)
    assert (caught.value.code, caught.value.message) == ("E7", "no such product")
    assert handle.state == "FAILURE"


@celery_stores
def test_a_query_result_comes_from_celerys_backend(here: Place) -> None:
    handle = here.jobs.query(ids=[1])
    here.app.backend.store_result(handle.job_id, None, "STARTED")
    assert (handle.state, handle.done()) == ("STARTED", False)
    here.app.backend.mark_as_done(handle.job_id, FOUND)
    assert handle.result(1).customer_products[0].rate == Decimal("12.50")
    assert handle.state == "SUCCESS"


def shelve(here: Place, job_id: str, pages: int) -> dict[str, Any]:
    texts = [
        json.dumps([{"customer_product_id": page * 500 + number} for number in range(500)])
        for page in range(pages)
    ]
    packed = [zlib.compress(text.encode()) for text in texts]
    return RedisPages(here.redis, 60).store("default", job_id, packed)


@celery_stores
def test_a_large_result_comes_from_its_pages(here: Place) -> None:
    handle = here.jobs.query(ids=[1])
    pages = shelve(here, handle.job_id, 9)
    assert 60 <= here.redis.ttl(pages["key"]) <= 120
    here.app.backend.mark_as_done(handle.job_id, FOUND | {"customer_products": [], "pages": pages})
    assert [record.customer_product_id for record in handle.records(1)] == [*range(4500)]
    assert len(handle.result(1).customer_products) == 4500


@celery_stores
def test_pages_are_in_memory_a_few_at_a_time(here: Place) -> None:
    handle = here.jobs.query(ids=[1])
    pages = shelve(here, handle.job_id, 40)
    here.app.backend.mark_as_done(handle.job_id, FOUND | {"customer_products": [], "pages": pages})
    tracemalloc.start()
    count = sum(1 for _ in handle.records(1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (count, peak < 20e6) == (20_000, True)


@celery_stores
def test_a_result_whose_pages_have_gone_has_expired(here: Place) -> None:
    handle = here.jobs.query(ids=[1])
    pages = shelve(here, handle.job_id, 2)
    here.app.backend.mark_as_done(handle.job_id, FOUND | {"customer_products": [], "pages": pages})
    here.redis.delete(pages["key"])
    with pytest.raises(errors.ResultExpired):
        handle.result(1)


@celery_stores
def test_progress_is_a_state_of_celerys(here: Place) -> None:
    handle = here.jobs.query(ids=[1])
    assert handle.progress is None
    here.app.backend.store_result(handle.job_id, {"done": 3, "total": 9}, "PROGRESS")
    assert (handle.state, handle.progress, handle.done()) == ("PROGRESS", (3, 9), False)


@celery_stores
def test_a_query_error_comes_from_celerys_backend(here: Place) -> None:
    handle = here.jobs.query(ids=[1])
    here.app.backend.mark_as_failure(handle.job_id, errors.Unavailable("no answer"))
    with pytest.raises(errors.Unavailable, match="no answer"):
        handle.result(1)


@celery_stores
def test_the_ledger_knows_an_outcome_that_celery_was_not_told(here: Place) -> None:
    handle = here.jobs.update(id=1, rate="10")
    here.app.backend.store_result(handle.job_id, None, "STARTED")
    here.end(handle, {"ok": APPLIED})
    assert handle.state == "SUCCESS"


@celery_stores
@pytest.mark.parametrize(
    "error",
    [RedisConnectionError("reset by peer"), errors.IdempotencyConflict("default", "", "job")],
)
def test_an_update_has_not_ended_because_a_message_was_dropped(
    here: Place, error: Exception
) -> None:
    handle = here.jobs.update(id=1, rate="10")
    here.app.backend.mark_as_failure(handle.job_id, error)
    assert not handle.done()
    here.end(handle, {"ok": APPLIED})
    assert handle.result(1).outcome == "applied"


@celery_stores
def test_a_query_ends_when_its_message_was_dropped(here: Place) -> None:
    handle = here.jobs.query(ids=[1])
    here.app.backend.mark_as_failure(handle.job_id, RedisConnectionError("reset by peer"))
    with pytest.raises(RedisConnectionError):
        handle.result(1)


@celery_stores
@pytest.mark.parametrize(
    ("reason", "says"), [("revoked", "somebody revoked it"), ("expired", "it was not to be run so")]
)
def test_a_query_that_was_revoked_has_ended(here: Place, reason: str, says: str) -> None:
    query, update = here.jobs.query(ids=[1]), here.jobs.update(id=1, rate="10")
    for handle in (query, update):
        here.app.backend.mark_as_revoked(handle.job_id, reason)
    with pytest.raises(errors.Withdrawn, match=says):
        query.result(1)
    assert not update.done()


@celery_stores
def test_an_update_that_a_worker_refused_has_ended(here: Place) -> None:
    handle = here.jobs.update(id=1, rate="10")
    here.app.backend.mark_as_failure(handle.job_id, errors.InvalidJob(["account: not known"]))
    with pytest.raises(errors.InvalidJob):
        handle.result(1)


def test_a_caller_waits_no_longer_than_it_said(here: Place) -> None:
    handle = here.jobs.update(id=1, rate="10")
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"has not ended in 0\.2 s"):
        handle.result(0.2)
    assert time.monotonic() - started >= 0.2
    assert handle.state == "PENDING"


def test_jobs_come_in_the_order_in_which_they_end(here: Place) -> None:
    handles = here.jobs.submit(UpdateJob(id=number, rate=Decimal(1)) for number in (1, 2, 3))
    completed = as_completed(handles, timeout=PATIENCE_S)
    for handle in (handles[2], handles[0], handles[1]):
        here.end(handle, {"ok": APPLIED | {"id": handle.job.id}})
        assert next(completed) is handle
        assert handle.result(0).id == handle.job.id
    assert list(completed) == []


def test_as_completed_gives_what_has_ended_before_it_gives_up(here: Place) -> None:
    handles = here.jobs.submit(UpdateJob(id=number, rate=Decimal(1)) for number in (1, 2))
    here.end(handles[1], {"ok": APPLIED})
    completed = as_completed(handles, timeout=0)
    assert next(completed) is handles[1]
    with pytest.raises(TimeoutError):
        next(completed)


def test_waiting_for_nothing_ends_at_once(here: Place) -> None:
    assert list(as_completed([])) == []
    assert here.jobs.submit([]) == []


def test_thousands_of_jobs_are_submitted_with_few_commands(here: Place) -> None:
    jobs = [UpdateJob(id=number, rate=number) for number in range(1, 5001)]
    here.redis.config_resetstat()
    handles = here.jobs.submit(jobs)
    # The first pipeline's five go again if the server does not know the script yet.
    assert here.redis.info("commandstats")["cmdstat_evalsha"]["calls"] <= 5000 / 100 + 5
    assert [handle.job.id for handle in handles if handle.job] == [job.id for job in jobs]
    assert here.redis.llen(BULK) == here.redis.zcard("revio:default:waiting:bulk") == 5000
    first = json.loads(here.redis.lindex(BULK, -1))
    assert first["headers"]["id"] == handles[0].job_id


def test_a_caller_waits_while_all_connections_are_taken(redis_url: str) -> None:
    with connect_redis(redis_url) as redis, ThreadPoolExecutor(1) as threads:
        pool = redis.connection_pool
        taken = [pool.get_connection() for _ in range(pool.max_connections)]
        waiting = threads.submit(RevioJobs(producer_app(redis_url), redis).query, ids=[1])
        with pytest.raises(TimeoutError):
            waiting.result(0.05)
        pool.release(taken.pop())
        assert waiting.result(PATIENCE_S).submission == "new"


def test_a_redis_that_is_down_is_told_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses_s: list[float] = []
    monkeypatch.setattr("redis.retry.sleep", pauses_s.append)
    with embedded_redis() as server:
        url = server.url
    with RevioJobs.connect(url) as jobs, pytest.raises(RedisConnectionError):
        jobs.update(id=1, rate="1")
    assert sum(pauses_s) < 10


def test_waiting_outlives_a_restart_of_redis() -> None:
    with embedded_redis(appendonly=True) as server, place(server.url) as here:
        handle = here.jobs.update(id=1, rate="10")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(handle.result, PATIENCE_S)
            server.restart()
            assert not waiting.done()
            here.end(handle, {"ok": APPLIED})
            assert waiting.result(PATIENCE_S).outcome == "applied"
