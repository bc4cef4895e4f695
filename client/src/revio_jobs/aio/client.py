"""The door for asyncio producers: submit jobs, get handles, find them again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Self, Unpack

from celery import Celery
from redis.asyncio import Redis

from revio_jobs.aio.handles import AsyncJobHandle, as_completed
from revio_jobs.aio.store import AsyncResultStore
from revio_jobs.aio.watcher import Watcher
from revio_jobs.celery_app import producer_app
from revio_jobs.connection import DEFAULT_SENTINEL_MASTER, connect_redis_async
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
from revio_jobs.reservation import (
    FOUND_BY,
    SCRIPT,
    LedgerKeys,
    read_found,
    reservation_call,
)
from revio_jobs.submission import (
    bundles,
    found,
    lane_of,
    query_job,
    steps,
    submitted_before,
    update_job,
)


class AsyncRevioJobs:
    """Submits jobs and collects their results, as RevioJobs does. For one event loop.

    Every method that talks to Redis raises redis.exceptions.ConnectionError when it is down. A job
    of which the caller did not hear may have been accepted: submit it again with the same key.
    """

    def __init__(
        self, app: Celery, redis: Redis, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._redis = redis
        self._reserve = redis.register_script(SCRIPT)
        self._store = AsyncResultStore(app, redis, clock)
        self._watcher = Watcher(self._store)

    @classmethod
    def connect(cls, redis_url: str, sentinel_master: str = DEFAULT_SENTINEL_MASTER) -> Self:
        """As RevioJobs.connect; to be called in the event loop."""
        return cls(
            producer_app(redis_url, sentinel_master),
            connect_redis_async(redis_url, sentinel_master),
        )

    async def close(self) -> None:
        """Close the connections; whoever still waits for a job is cancelled."""
        await self._watcher.close()
        await self._redis.aclose()
        self._app.close()

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
    ) -> AsyncJobHandle[QueryResult]:
        """Read customer products by at least one filter; `max_age` in seconds.

        Raises InvalidJob before anything is sent.
        """
        filters = {"ids": ids, "customer_ids": customer_ids, "line_ids": line_ids}
        [handle] = await self.submit([query_job(account, max_age, filters)], lane)
        return handle

    async def update(
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
    ) -> AsyncJobHandle[UpdateResult]:
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
        [handle] = await self.submit([job], lane)
        if handle.submission == "conflict":
            await handle.result()
        return handle

    async def submit(
        self, jobs: Iterable[Job], lane: Lane | str = Lane.BULK
    ) -> list[AsyncJobHandle[Any]]:
        """Submit many jobs with few round trips; the handles come in the jobs' order.

        A job whose key belongs to another payload is not enqueued: its handle's `submission` is
        "conflict", and its `result` raises IdempotencyConflict. Raises InvalidJob, before anything
        is sent, for what is no job and no lane.
        """
        checked = lane_of(lane)
        return [each for bundle in bundles(jobs) for each in await self._submit(bundle, checked)]

    async def find(self, account: str, idempotency_key: str) -> AsyncJobHandle[UpdateResult] | None:
        """The handle of an update submitted before, perhaps by a process that has died."""
        job_id, keys = job_id_of(account, idempotency_key), LedgerKeys(account)
        async with self._redis.pipeline() as pipeline:
            pipeline.hmget(keys.record(job_id), *FOUND_BY)
            pipeline.get(keys.outcome(job_id))
            reservation = read_found(*await pipeline.execute())
        if reservation is None:
            return None
        return AsyncJobHandle(found(account, job_id, reservation), self._store, self._watcher)

    def query_handle(
        self, job_id: str, account: str = DEFAULT_ACCOUNT
    ) -> AsyncJobHandle[QueryResult]:
        """See RevioJobs.query_handle; nothing is awaited."""
        return AsyncJobHandle(submitted_before(account, job_id), self._store, self._watcher)

    def as_completed(
        self,
        handles: Iterable[AsyncJobHandle[Any]],
        timeout: float | None = None,
    ) -> AsyncIterator[AsyncJobHandle[Any]]:
        """See revio_jobs.aio.as_completed."""
        return as_completed(handles, timeout)

    async def _submit(self, bundle: Sequence[Job], lane: Lane) -> list[AsyncJobHandle[Any]]:
        made = steps(self._app, bundle, lane)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for step in made:
                if wishes := step.wishes:
                    keys, args = reservation_call(wishes, lane)
                    await self._reserve(keys=keys, args=args, client=pipeline)
                else:
                    messages = (order.message for order in step.orders)
                    pipeline.lpush(queue_name(step.account, lane), *messages)
            answers = await pipeline.execute()
        return [
            AsyncJobHandle(known, self._store, self._watcher)
            for step, answer in zip(made, answers, strict=True)
            for known in step.accepted(answer)
        ]
