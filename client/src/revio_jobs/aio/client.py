"""The entry point of asyncio producers: submit jobs, get handles, find them again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Self, TypeVar, Unpack, overload

from celery import Celery
from pydantic import BaseModel
from redis.asyncio import Redis

from revio_jobs.aio.enqueuer import AsyncEnqueuer, AsyncRedisEnqueuer
from revio_jobs.aio.handles import AsyncJobHandle, as_completed
from revio_jobs.aio.store import AsyncResults, AsyncResultStore
from revio_jobs.aio.watcher import Watcher
from revio_jobs.celery_app import producer_app
from revio_jobs.connection import DEFAULT_SENTINEL_MASTER, connect_redis_async
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
from revio_jobs.handles import Submitted
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

R = TypeVar("R", bound=BaseModel)


class AsyncRevioJobs:
    """Submits jobs and collects their results, as RevioJobs does. For one event loop.

    Its tasks share up to 64 connections to Redis. Every method that talks to Redis raises
    redis.exceptions.ConnectionError when it is down, and redis.exceptions.TimeoutError when it does
    not answer. A job whose submission failed with an error of redis.exceptions, or was cancelled,
    may have been accepted: submit it again with the same key.
    """

    def __init__(
        self,
        app: Celery,
        redis: Redis,
        clock: Callable[[], float] = time.monotonic,
        *,
        source: str | None = None,
    ) -> None:
        """`connect` makes the parts. `clock` in seconds: when to probe whether a job exists."""
        self._assemble(AsyncRedisEnqueuer(app, redis), AsyncResultStore(app, redis, clock), source)

    def _assemble(self, enqueuer: AsyncEnqueuer, results: AsyncResults, source: str | None) -> None:
        self._source = checked_source(source)
        self._enqueuer = enqueuer
        self._results = results
        self._watcher = Watcher(results)

    @classmethod
    def connect(
        cls,
        redis_url: str,
        sentinel_master: str = DEFAULT_SENTINEL_MASTER,
        *,
        source: str | None = None,
    ) -> Self:
        """As RevioJobs.connect; to be called in the event loop."""
        return cls(
            producer_app(redis_url, sentinel_master),
            connect_redis_async(redis_url, sentinel_master),
            source=source,
        )

    async def close(self) -> None:
        """Close the connections; tasks that still wait for a job get asyncio.CancelledError.

        A later call opens new connections.
        """
        self._watcher.enter_loop()
        try:
            await self._watcher.close()
        finally:
            await self._enqueuer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def query(
        self,
        *,
        ids: Iterable[int] = (),
        customer_ids: Iterable[int] = (),
        line_ids: Iterable[int] = (),
        max_age: int = 0,
        account: str = DEFAULT_ACCOUNT,
        lane: Lane | str = Lane.INTERACTIVE,
        source: str | None = None,
    ) -> AsyncJobHandle[QueryResult]:
        """Read customer products by at least one filter.

        `ids` are those of customer products, `customer_ids` Rev.io's own IDs of customers,
        `line_ids` those of lines (services). `max_age`: seconds that an earlier answer may be old;
        if omitted, Rev.io is asked. `account`: name of the Rev.io account in the workers' settings.
        `lane`: interactive goes before bulk. `source`: name of the service that asks, if not that
        of `connect`.

        Raises InvalidJob, before anything is sent, if a value is not allowed or no filter is given.
        """
        filters = {"ids": ids, "customer_ids": customer_ids, "line_ids": line_ids}
        [handle] = await self.submit([query_job(account, max_age, filters, source)], lane)
        return handle

    async def update(
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
    ) -> AsyncJobHandle[UpdateResult]:
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
        [handle] = await self.submit([job], lane)
        if handle.submission == "conflict":
            await handle.result()
        return handle

    @overload
    async def submit(
        self, jobs: Iterable[UpdateJob], lane: Lane | str = ...
    ) -> list[AsyncJobHandle[UpdateResult]]: ...
    @overload
    async def submit(
        self, jobs: Iterable[QueryJob], lane: Lane | str = ...
    ) -> list[AsyncJobHandle[QueryResult]]: ...
    @overload
    async def submit(
        self, jobs: Iterable[Job], lane: Lane | str = ...
    ) -> list[AsyncJobHandle[QueryResult | UpdateResult]]: ...
    async def submit(
        self, jobs: Iterable[Job], lane: Lane | str = Lane.BULK
    ) -> list[AsyncJobHandle[Any]]:
        """Submit many jobs with few round trips; the handles come in the order of the jobs.

        A job whose key belongs to another change is not enqueued: its handle's `submission` is
        "conflict", and its `result` raises IdempotencyConflict; the other jobs go on. `lane` is
        that of all jobs.

        Raises InvalidJob, before anything is sent, for anything that is not a job or a lane.
        """
        self._watcher.enter_loop()
        checked_lane, listed = lane_of(lane), checked_jobs(jobs, self._source)
        return [self._handle(known) for known in await self._enqueuer.enqueue(listed, checked_lane)]

    async def find(self, account: str, idempotency_key: str) -> AsyncJobHandle[UpdateResult] | None:
        """The handle of an update submitted before, perhaps by a process that has died.

        None if no update of the account has that key, or it ended more than 7 days ago (by
        default). Raises InvalidJob if no account or key can be named so.
        """
        self._watcher.enter_loop()
        account, job_id = reference_of(account, idempotency_key)
        reservation = await self._enqueuer.find(account, job_id)
        if reservation is None:
            return None
        return self._handle(update_submitted_before(account, job_id, reservation))

    def query_handle(
        self, job_id: str, account: str = DEFAULT_ACCOUNT
    ) -> AsyncJobHandle[QueryResult]:
        """See RevioJobs.query_handle; nothing is awaited."""
        return self._handle(submitted_before(account, job_id))

    def as_completed(
        self,
        handles: Iterable[AsyncJobHandle[R]],
        timeout: float | None = None,
    ) -> AsyncIterator[AsyncJobHandle[R]]:
        """See revio_jobs.aio.as_completed."""
        return as_completed(handles, timeout)

    def _handle(self, known: Submitted[R]) -> AsyncJobHandle[R]:
        return AsyncJobHandle(known, self._results, self._watcher)
