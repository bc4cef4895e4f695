"""The producers' entry point: submit jobs, get handles, find them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, Unpack, overload

from celery import Celery
from redis import Redis

from revio_jobs.celery_app import producer_app
from revio_jobs.connection import DEFAULT_SENTINEL_MASTER, connect_redis
from revio_jobs.contracts import (
    DEFAULT_ACCOUNT,
    Expected,
    Job,
    Lane,
    QueryJob,
    QueryResult,
    UpdateJob,
    UpdateResult,
)
from revio_jobs.contracts.arguments import Changes, ExpectedValues
from revio_jobs.enqueuer import Enqueuer, RedisEnqueuer
from revio_jobs.handles import JobHandle
from revio_jobs.results import Results, ResultStore
from revio_jobs.submission import (
    checked_jobs,
    checked_source,
    lane_of,
    query_job,
    reference_of,
    submitted_before,
    update_job,
    update_submitted_before,
)


class RevioJobs:
    """Submits jobs and collects their results. One instance serves all threads of a process.

    Threads share up to 64 connections to Redis. Every method that talks to Redis raises
    redis.exceptions.ConnectionError when it is down, and redis.exceptions.TimeoutError when it does
    not answer. A job whose submission failed with an error of redis.exceptions may have been
    accepted: submit it again with the same key.
    """

    _source: str | None = None

    def __init__(
        self,
        app: Celery,
        redis: Redis,
        clock: Callable[[], float] = time.monotonic,
        *,
        source: str | None = None,
    ) -> None:
        """`connect` makes the parts. `clock` in seconds: when to probe whether a job exists."""
        self._source = checked_source(source)
        self._enqueuer: Enqueuer = RedisEnqueuer(app, redis)
        self._results: Results = ResultStore(app, redis, clock)

    @classmethod
    def connect(
        cls,
        redis_url: str,
        sentinel_master: str = DEFAULT_SENTINEL_MASTER,
        *,
        source: str | None = None,
    ) -> Self:
        """A client of the Redis that the workers use; it connects at its first command.

        `redis_url` as in the workers' REVIO_REDIS_URL, such as redis://:password@host:6379/0 or
        redis://host/0?key_prefix=blue: where installations share a database, or
        sentinel://host:26379/0;sentinel://… for the master that these sentinels know by the name
        `sentinel_master`; docs/redis.md has all forms. Raises ValueError for any other URL.

        `source`: name of your service, such as "billing-portal", which operators see with each job
        that names none itself; see QueryJob. Raises InvalidJob if it is not allowed.
        """
        return cls(
            producer_app(redis_url, sentinel_master),
            connect_redis(redis_url, sentinel_master),
            source=source,
        )

    def close(self) -> None:
        """Close the connections. A later call, of a handle too, opens new ones."""
        self._enqueuer.close()

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
        source: str | None = None,
    ) -> JobHandle[QueryResult]:
        """Read customer products by at least one filter.

        `ids` are those of customer products, `customer_ids` Rev.io's own IDs of customers,
        `line_ids` those of lines (services). `max_age`: seconds that an earlier answer may be old;
        if omitted, Rev.io is asked. `account`: name of the Rev.io account in the workers' settings.
        `lane`: interactive goes before bulk. `source`: name of the service that asks, if not that
        of `connect`.

        Raises InvalidJob, before anything is sent, if a value is not allowed or no filter is given.
        """
        filters = {"ids": ids, "customer_ids": customer_ids, "line_ids": line_ids}
        return self.submit([query_job(account, max_age, filters, source)], lane)[0]

    def update(
        self,
        *,
        id: int,  # noqa: A002 - the name on the wire
        idempotency_key: str | None = None,
        clear: Iterable[str] = (),
        expected: Expected | ExpectedValues | Mapping[str, Any] | None = None,
        skip_unchanged: bool = False,
        account: str = DEFAULT_ACCOUNT,
        lane: Lane | str = Lane.INTERACTIVE,
        source: str | None = None,
        **changes: Unpack[Changes],
    ) -> JobHandle[UpdateResult]:
        """Change one customer product.

        `id` is that of the customer product. `changes` are the fields to set: `rate` (per unit and
        billing period, in the account's currency; Decimal or text such as "12.50", never a float),
        `quantity`, `description`, `code1`, `code2`, `activated_date`, `disconnect_date` (dates or
        ISO text), `do_not_prorate`; the others stay as they are. `clear`: names of fields to empty.
        `expected`: values that must still hold when the update is sent, else it ends as drifted.
        `skip_unchanged`: look first, and send nothing if the product has the values already.

        The same `idempotency_key` with the same change gives the same job again, for 7 days after
        it ended by default; if omitted, each call is a new job. `account`, `lane` and `source` as
        in `query`.

        Raises InvalidJob, before anything is sent, if a value is not allowed, and
        IdempotencyConflict when the key belongs to another change.
        """
        job = update_job(
            account,
            id,
            idempotency_key=idempotency_key,
            clear=clear,
            expected=expected,
            skip_unchanged=skip_unchanged,
            source=source,
            changes=changes,
        )
        handle = self.submit([job], lane)[0]
        if handle.submission == "conflict":
            handle.result()
        return handle

    @overload
    def submit(
        self, jobs: Iterable[UpdateJob], lane: Lane | str = ...
    ) -> list[JobHandle[UpdateResult]]: ...
    @overload
    def submit(
        self, jobs: Iterable[QueryJob], lane: Lane | str = ...
    ) -> list[JobHandle[QueryResult]]: ...
    @overload
    def submit(
        self, jobs: Iterable[Job], lane: Lane | str = ...
    ) -> list[JobHandle[QueryResult | UpdateResult]]: ...
    def submit(self, jobs: Iterable[Job], lane: Lane | str = Lane.BULK) -> list[JobHandle[Any]]:
        """Submit many jobs with few round trips; the handles come in the order of the jobs.

        A job whose key belongs to another change is not enqueued: its handle's `submission` is
        "conflict", and its `result` raises IdempotencyConflict; the other jobs go on. `lane` is
        that of all jobs.

        Raises InvalidJob, before anything is sent, for anything that is not a job or a lane.
        """
        checked_lane, listed = lane_of(lane), checked_jobs(jobs, self._source)
        return [
            JobHandle(known, self._results)
            for known in self._enqueuer.enqueue(listed, checked_lane)
        ]

    def find(self, account: str, idempotency_key: str) -> JobHandle[UpdateResult] | None:
        """The handle of an update submitted before, perhaps by a process that has died.

        None if no update of the account has that key, or it ended more than 7 days ago (by
        default). Raises InvalidJob if no account or key can be named so.
        """
        account, job_id = reference_of(account, idempotency_key)
        reservation = self._enqueuer.find(account, job_id)
        if reservation is None:
            return None
        return JobHandle(update_submitted_before(account, job_id, reservation), self._results)

    def query_handle(self, job_id: str, account: str = DEFAULT_ACCOUNT) -> JobHandle[QueryResult]:
        """The handle of a query submitted before, perhaps by another process. Makes no request.

        `job_id` is what its handle had. If no such query exists, or its result has expired (a day
        after it ended, by default), the handle's `result` raises Forgotten.
        """
        return JobHandle(submitted_before(account, job_id), self._results)
