"""Reads how jobs ended, with redis.asyncio."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

from celery import Celery
from redis.asyncio import Redis

from revio_jobs.contracts import CustomerProduct
from revio_jobs.pages import Pages, unpack
from revio_jobs.reservation import LedgerKeys
from revio_jobs.results import FETCHED_AT_ONCE, Ended, ResultReader
from revio_jobs.search import SCRIPT, Doubt, JobRef, searches


class AsyncResultStore:
    """Looks for many results with few commands."""

    def __init__(
        self, app: Celery, redis: Redis, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = ResultReader(app)
        self._redis = redis
        self._search = redis.register_script(SCRIPT)
        self.clock = clock

    async def state(self, job_id: str) -> str:
        """Celery's state of the task; PENDING also when nothing is known of it."""
        return self._reader.state(await self._redis.get(self._reader.key(job_id)))

    async def progress(self, job_id: str) -> tuple[int, int] | None:
        """Calls answered and calls in all, while a query of many calls is under way."""
        return self._reader.progress(await self._redis.get(self._reader.key(job_id)))

    async def look(self, jobs: Mapping[JobRef, Doubt]) -> dict[str, Ended]:
        """As `fetch`; those of which there is no sign are searched for when it is time."""
        ended, now = await self.fetch(jobs), self.clock()
        pending = {job: doubt for job, doubt in jobs.items() if job[1] not in ended}
        for each in searches(pending, now, self._reader.key):
            answers = await self._search(keys=each.keys, args=each.args)
            ended |= {job_id: Ended(error) for job_id, error in each.read(answers, now)}
        return ended

    async def fetch(self, jobs: Iterable[JobRef]) -> dict[str, Ended]:
        """Of those (account, job id), the ones that have ended, by job id."""
        pending = list(jobs)
        ended: dict[str, Ended] = {}
        for start in range(0, len(pending), FETCHED_AT_ONCE):
            ended |= await self._fetch(pending[start : start + FETCHED_AT_ONCE])
        return ended

    async def pages(self, pages: Pages) -> AsyncIterator[tuple[CustomerProduct, ...]]:
        """Page by page. Raises LookupError when they have expired."""
        for start, end in pages.bundles():
            found: Any = await self._redis.lrange(pages.key, start, end)
            for page in unpack(found, end - start + 1):
                yield page

    async def _fetch(self, jobs: list[JobRef]) -> dict[str, Ended]:
        values: list[Any] = await self._redis.mget(self._reader.keys(jobs))
        seen = self._reader.read(jobs, values)
        for (account, job_id), ended in seen.doubtful.items():
            if not await self._redis.exists(LedgerKeys(account).record(job_id)):
                seen.ended[job_id] = ended
        return seen.ended
