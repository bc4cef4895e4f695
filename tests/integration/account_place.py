"""An account in Redis as its producers, workers and operators leave it, without any of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from redis import Redis

from campaigns.guard_rails.rails import Rails
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.run.spec import RunSpec
from campaigns.start import stages
from campaigns.store import OperatorStore, RedisRuns
from campaigns.store.keys import AccountKeys
from campaigns.store.run_codec import dump_gate
from revio_jobs import Lane, RevioJobs, UpdateJob, errors
from revio_jobs.broker import HELD, LATER
from revio_jobs.celery_app import producer_app
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.message import encode_message
from settings import AccountSettings
from tasks.ports import Claimed, Lease
from worker.ledger import LedgerTimes, RedisLedger
from worker.limiter.limits_drift import PublishedLimits

ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"
VENDOR = {
    "endpoint": "http://127.0.0.1:1/v20/default.asmx",
    "username": "user",
    "password": "hunter2",
    "client_code": "code",
}
RUN = "june-1a2b3c4d5e"


class Place:
    """An account whose one worker has just reported."""

    def __init__(self, url: str) -> None:
        self.environment = {
            "REVIO_REDIS_URL": url,
            **{f"{ACCOUNT}{name.upper()}": value for name, value in VENDOR.items()},
        }
        self.redis = Redis.from_url(url)
        self.jobs = RevioJobs.connect(url)
        self.app = producer_app(url)
        encode = partial(encode_message, self.app)
        self.ledger = RedisLedger(self.redis, LedgerTimes(60.0), encode)
        self.report("worker@here")

    def close(self) -> None:
        self.redis.close()
        self.jobs.close()
        self.app.close()

    def report(self, worker: str, lanes: Iterable[Lane] = Lane, **settings: Any) -> None:
        """As a worker does every half minute."""
        account = AccountSettings.model_validate(VENDOR | settings)
        served = [("default", lane) for lane in lanes]
        PublishedLimits(self.redis, {"default": account}, worker, lanes=lambda: served).publish()

    def submit(self, lane: Lane, *, accepted_ms_ago: int = 0) -> UpdateJob:
        job = UpdateJob(id=5001, rate="12.50", idempotency_key=f"{lane}-{accepted_ms_ago}")
        [handle] = self.jobs.submit([job], lane)
        self.redis.zincrby(LedgerKeys("default").waiting(lane), -accepted_ms_ago, handle.job_id)
        return job

    def fail(self, error: errors.RevioError) -> None:
        """An update ends with it."""
        name = type(error).__name__
        outcome = {"error": {"type": name, "args": list(error.args)}}
        self.ledger.settle(self._begin(Lane.BULK, f"{name}: {error}"), outcome, name, frozenset())

    def delay(self, lane: Lane) -> None:
        """An update is to be tried again in a minute."""
        self.ledger.delay(self._begin(lane, "delayed"), 60, unknown=False)

    def hold(self, queue: str) -> None:
        """A worker takes the queue's oldest message."""
        message: Any = self.redis.rpop(queue)
        self.redis.hset(HELD, "tag.1", f"{queue}\n{message.decode()}")

    def put_off_held(self) -> None:
        """It is to come again later."""
        self.redis.zadd(LATER, {"tag.1": time.time() + 60})

    def _begin(self, lane: Lane, key: str) -> Lease:
        job = UpdateJob(id=5001, rate="12.50", idempotency_key=key)
        [handle] = self.jobs.submit([job], lane)
        self.redis.delete(f"revio.default.{lane.value}")
        claim = self.ledger.claim(job, handle.job_id, lane)
        assert isinstance(claim, Claimed)
        return claim.lease

    def start_run(self) -> RedisRuns:
        """A run that began a minute ago."""
        runs = RedisRuns(self.redis, lease_s=60, keep_s=60)
        begin_run(self.redis, RUN)
        self.redis.zincrby(AccountKeys("default").all, -60, RUN)
        return runs


def begin_run(redis: Redis, run: str) -> None:
    """A run of one row of the account default."""
    before = {"rate": "1.00"}
    row = PlannedRow(RowClass.CHANGE, 2, 5001, before, {"rate": "2.00"}, seen=before)
    OperatorStore(redis, "default", keep_s=60).start(
        RunSpec(run, "default", "june", "d", 1, stages(1, ())),
        [row],
        gate=dump_gate(Rails(), {}, None),
        rate=None,
        weight=2,
        by="ann",
        reason="",
    )
