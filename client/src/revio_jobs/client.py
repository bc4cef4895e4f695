"""The door for producers: submit jobs, get handles, find them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, Unpack

from celery import Celery
from redis import Redis

from revio_jobs.celery_app import producer_app
from revio_jobs.connection import DEFAULT_SENTINEL_MASTER, connect_redis
from revio_jobs.contracts import (
    DEFAULT_ACCOUNT,
    Job,
    Lane,
    QueryResult,
    UpdateResult,
    job_id_of,
    queue_name,
)
from revio_jobs.contracts.arguments import Changes
from revio_jobs.handles import JobHandle, Submitted
from revio_jobs.reservation import Reservations
from revio_jobs.results import ResultStore
from revio_jobs.submission import (
    Step,
    bundles,
    found,
    lane_of,
    query_job,
    steps,
    submitted_before,
    update_job,
)


class RevioJobs:
    """Submits jobs and collects their results. One instance serves all threads of a process.

    Every method that talks to Redis raises redis.exceptions.ConnectionError when it is down. A job
    of which the caller did not hear may have been accepted: submit it again with the same key.
    """

    def __init__(
        self, app: Celery, redis: Redis, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._redis = redis
        self._reservations = Reservations(redis)
        self._store = ResultStore(app, redis, clock)

    @classmethod
    def connect(cls, redis_url: str, sentinel_master: str = DEFAULT_SENTINEL_MASTER) -> Self:
        """`redis_url` as the workers have it, such as redis://:password@host:6379/0.

        With sentinels, sentinel://host:26379/0;sentinel://…, the master is found by its name.
        """
        return cls(
            producer_app(redis_url, sentinel_master), connect_redis(redis_url, sentinel_master)
        )

    def close(self) -> None:
        """Close the connections; handles cannot be read any more."""
        self._redis.close()
        self._app.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def query(
        self,
        *,
        ids: Iterable[int] = (),
        customer_ids: Iterable[int] = (),
        line_ids: Iterable[int] = (),
        max_age: int = 0,
        account: str = DEFAULT_ACCOUNT,
        lane: Lane | str = Lane.INTERACTIVE,
    ) -> JobHandle[QueryResult]:
        """Read customer products by at least one filter; `max_age` in seconds.

        Raises InvalidJob before anything is sent.
        """
        filters = {"ids": ids, "customer_ids": customer_ids, "line_ids": line_ids}
        return self.submit([query_job(account, max_age, filters)], lane)[0]

    def update(
        self,
        *,
        id: int,  # noqa: A002 - the name on the wire
        idempotency_key: str | None = None,
        clear: Iterable[str] = (),
        expected: dict[str, Any] | None = None,
        skip_unchanged: bool = False,
        account: str = DEFAULT_ACCOUNT,
        lane: Lane | str = Lane.INTERACTIVE,
        **changes: Unpack[Changes],
    ) -> JobHandle[UpdateResult]:
        """Change one customer product; `skip_unchanged`: unless a look shows that it is so already.

        The same key with the same change gives the same job again; without a key each call is a new
        job. Raises InvalidJob before anything is sent, IdempotencyConflict when the key belongs to
        another change.
        """
        job = update_job(
            account,
            id,
            idempotency_key=idempotency_key,
            clear=clear,
            expected=expected,
            skip_unchanged=skip_unchanged,
            changes=changes,
        )
        handle = self.submit([job], lane)[0]
        if handle.submission == "conflict":
            handle.result()
        return handle

    def submit(self, jobs: Iterable[Job], lane: Lane | str = Lane.BULK) -> list[JobHandle[Any]]:
        """Submit many jobs with few round trips; the handles come in the jobs' order.

        A job whose key belongs to another payload is not enqueued: its handle's `submission` is
        "conflict", and its `result` raises IdempotencyConflict. Raises InvalidJob, before anything
        is sent, for what is no job and no lane.
        """
        checked = lane_of(lane)
        return [
            JobHandle(known, self._store)
            for bundle in bundles(jobs)
            for known in self._accepted(steps(self._app, bundle, checked), checked)
        ]

    def find(self, account: str, idempotency_key: str) -> JobHandle[UpdateResult] | None:
        """The handle of an update submitted before, perhaps by a process that has died."""
        job_id = job_id_of(account, idempotency_key)
        reservation = self._reservations.find(account, job_id)
        if reservation is None:
            return None
        return JobHandle(found(account, job_id, reservation), self._store)

    def query_handle(self, job_id: str, account: str = DEFAULT_ACCOUNT) -> JobHandle[QueryResult]:
        """The handle of a query submitted before, perhaps by another process; nobody is asked yet.

        Its `result` raises Forgotten when no such query exists, or its result has gone.
        """
        return JobHandle(submitted_before(account, job_id), self._store)

    def _accepted(self, made: list[Step], lane: Lane) -> Iterator[Submitted[Any]]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for step in made:
                if wishes := step.wishes:
                    self._reservations.send(pipeline, wishes, lane)
                else:
                    messages = (order.message for order in step.orders)
                    pipeline.lpush(queue_name(step.account, lane), *messages)
            answers = pipeline.execute()
        for step, answer in zip(made, answers, strict=True):
            yield from step.accepted(answer)
