"""How often an update talks to Redis, beside taking and acknowledging its message."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from celery import Celery
from celery.app.trace import build_tracer
from celery.result import AsyncResult
from redis import Redis

from revio_jobs import UpdateJob, errors
from revio_jobs.celery_app import WIRE_SETTINGS
from revio_jobs.connection import DEFAULT_SENTINEL_MASTER
from revio_jobs.contracts import Lane, job_id_of
from revio_jobs.reservation import Reservations
from tasks.ports import Call, Claimed, Purpose
from tests.patience import PATIENCE_S
from worker.celery_app.result_backend import REDIS_URL, backend_url
from worker.celery_app.settled_results import store_with_settlement
from worker.ledger import LedgerTimes, RedisLedger
from worker.limiter import LimitRules, RedisLimiter
from worker.limiter.redis_clock import RedisClock
from worker.redis_kit.auto_pipeline import AutoPipeline, shared_redis

RULES = LimitRules(calls_per_minute=500, calls_per_day=900)
APPLIED = {"outcome": "applied"}
RATE = frozenset({"rate"})


class Worker:
    """Runs the steps of updates as a worker does, without a vendor."""

    def __init__(self, app: Celery, redis: AutoPipeline) -> None:
        self.app = app
        self.redis = redis
        before = partial(store_with_settlement, app)
        times = LedgerTimes(lease_s=45.0)
        self.ledger = RedisLedger(redis, times, lambda *_: "", before_settling=before)
        self.limiter = RedisLimiter(redis, {"default": RULES})
        self.outcome: dict[str, Any] = {"ok": APPLIED}

        @app.task(name="update", shared=False)
        def update(key: str) -> Any:
            return self.update(key)

        self._trace = build_tracer("update", app.tasks["update"], app=app)

    def update(self, key: str) -> Any:
        job = UpdateJob(id=5001, idempotency_key=key, rate="1")
        claim = self.ledger.claim(job, job_id_of("default", key), Lane.BULK)
        assert isinstance(claim, Claimed)
        self.limiter.admit(Call("default", Lane.BULK, Purpose.UPDATE))
        self.ledger.intend(claim.lease, RATE)
        self.ledger.settle(claim.lease, self.outcome, "applied", RATE)
        if "ok" not in self.outcome:
            raise errors.Rejected("S1", "denied")
        return self.outcome["ok"]

    def run(self, key: str, **request: Any) -> AsyncResult:
        job_id = job_id_of("default", key)
        job = UpdateJob(id=5001, idempotency_key=key, rate="1")
        Reservations(self.redis).reserve(job, job_id, Lane.BULK)
        before = self.redis.exchanges
        self._trace(job_id, (key,), {}, {"id": job_id, "hostname": "here", **request})
        self.exchanges = self.redis.exchanges - before
        return AsyncResult(job_id, app=self.app)


@pytest.fixture(params=["", "blue:"])
def worker(
    redis_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Worker]:
    # An answer that is late looks as if Redis's clock had jumped, which costs further exchanges.
    monkeypatch.setattr(RedisClock, "not_after", lambda _: 0)
    url = f"{redis_url}?key_prefix={request.param}" if request.param else redis_url
    with (
        Celery(backend=backend_url(redis_url), set_as_current=False) as app,
    ):
        app.conf.update(
            WIRE_SETTINGS,
            result_backend_transport_options={
                "global_keyprefix": request.param,
                "master_name": DEFAULT_SENTINEL_MASTER,
                REDIS_URL: url,
            },
        )
        made = Worker(app, shared_redis(url, DEFAULT_SENTINEL_MASTER))
        made.run("first")  # its scripts were not at Redis yet
        yield made
        app.backend.client.connection_pool.disconnect()


def heard(redis_url: str, worker: Worker, key: str, **request: Any) -> list[Any]:
    """The states that somebody who listens is told of."""
    with Redis.from_url(redis_url) as redis, redis.pubsub() as listening:
        listening.psubscribe("*celery-task-meta-*")
        assert listening.get_message(timeout=PATIENCE_S)  # it is subscribed
        worker.run(key, **request)
        states = list[Any]()
        while states[-1:] != ["SUCCESS"]:
            if message := listening.get_message(timeout=PATIENCE_S):
                states.append(worker.app.backend.decode(message["data"])["status"])
    return states


def test_an_update_needs_four_exchanges_and_its_result_is_there(worker: Worker) -> None:
    result = worker.run("second")
    assert worker.exchanges == 4
    assert (result.state, result.result) == ("SUCCESS", APPLIED)


def test_who_listens_hears_that_it_was_started_and_how_it_ended(
    worker: Worker, redis_url: str
) -> None:
    assert heard(redis_url, worker, "second") == ["STARTED", "SUCCESS"]


def test_a_failure_is_stored_by_celery(worker: Worker) -> None:
    worker.outcome = {"error": {"type": "Rejected", "args": ["S1", "denied"]}}
    result = worker.run("second")
    assert result.state == "FAILURE"
    assert isinstance(result.result, errors.Rejected)


def test_a_step_of_a_chain_is_stored_after_the_next_was_sent(worker: Worker) -> None:
    worker.run("second", chord=None, callbacks=[], chain=[])
    assert worker.exchanges == 4
    worker.run("third", ignore_result=True)
    assert AsyncResult(job_id_of("default", "third"), app=worker.app).state == "PENDING"


def test_no_result_is_kept_of_a_settlement_that_another_worker_has_made(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = worker.ledger._settle

    def settled_by_another(keys: list[str], args: list[Any]) -> Any:
        return settle(keys=keys, args=[args[0], "another's token", *args[2:]])

    monkeypatch.setattr(worker.ledger, "_settle", settled_by_another)
    result = worker.run("second")
    assert result.state == "FAILURE"  # LeaseLost, which the handler would catch


def test_a_redis_that_has_forgotten_its_scripts_still_gets_the_result(
    worker: Worker, redis_url: str
) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.script_flush()
    assert worker.run("second").result == APPLIED
    assert worker.run("third").result == APPLIED
    assert worker.exchanges == 4
