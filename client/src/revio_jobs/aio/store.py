"""Reads how jobs ended, with redis.asyncio."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Protocol

from celery import Celery
from redis.asyncio import Redis

from revio_jobs.contracts import CustomerProduct
from revio_jobs.existence_probe import SCRIPT, ExistenceProbe, JobRef, due_probes
from revio_jobs.key_prefix import key_prefix_of
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.pages import Pages, unpack
from revio_jobs.results import FETCH_SIZE, Ended, ResultReader


class AsyncResults(Protocol):
    """Where AsyncRevioJobs reads how its jobs ended; see revio_jobs.results.Results."""

    clock: Callable[[], float]
    """Seconds."""

    async def state(self, job_id: str) -> str:
        """Celery's state of the task; PENDING also when nothing is known of it."""

    async def progress(self, job_id: str) -> tuple[int, int] | None:
        """Calls answered and calls in all, while a query of many calls is under way."""

    async def poll(self, jobs: Mapping[JobRef, ExistenceProbe]) -> dict[str, Ended]:
        """The ends of those jobs that have ended, by job id."""

    def pages(self, pages: Pages) -> AsyncIterator[tuple[CustomerProduct, ...]]:
        """The products page by page. Raises LookupError when the pages have expired."""


class AsyncResultStore:
    """Reads many results with few commands. Its methods raise RedisError."""

    def __init__(
        self, app: Celery, redis: Redis, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = ResultReader(app, key_prefix_of(redis.connection_pool))
        self._redis = redis
        self._probe = redis.register_script(SCRIPT)
        self.clock = clock

    async def state(self, job_id: str) -> str:
        """Celery's state of the task; PENDING also when nothing is known of it."""
        return self._reader.state(await self._redis.get(self._reader.key(job_id)))

    async def progress(self, job_id: str) -> tuple[int, int] | None:
        """Calls answered and calls in all, while a query of many calls is under way."""
        return self._reader.progress(await self._redis.get(self._reader.key(job_id)))

    async def poll(self, jobs: Mapping[JobRef, ExistenceProbe]) -> dict[str, Ended]:
        """As `fetch`; also probes whether the jobs exist that have no result, when it is due."""
        ended, now = await self.fetch(jobs), self.clock()
        pending = {job: probe for job, probe in jobs.items() if job[1] not in ended}
        for call in due_probes(pending, now, self._reader.key):
            answers = await self._probe(keys=call.keys, args=call.args)
            ended |= {job_id: Ended(error) for job_id, error in call.read(answers, now)}
        return ended

    async def fetch(self, jobs: Iterable[JobRef]) -> dict[str, Ended]:
        """The ends of those jobs (account, job id) that have ended, by job id."""
        pending = list(jobs)
        ended: dict[str, Ended] = {}
        for start in range(0, len(pending), FETCH_SIZE):
            ended |= await self._fetch(pending[start : start + FETCH_SIZE])
        return ended

    async def pages(self, pages: Pages) -> AsyncIterator[tuple[CustomerProduct, ...]]:
        """The products page by page. Raises LookupError when the pages have expired."""
        for start, end in pages.ranges():
            packed: Any = await self._redis.lrange(pages.key, start, end)
            for page in unpack(packed, end - start + 1):
                yield page

    async def _fetch(self, jobs: list[JobRef]) -> dict[str, Ended]:
        values: list[Any] = await self._redis.mget(self._reader.keys(jobs))
        endings = self._reader.read(jobs, values)
        for (account, job_id), ended in endings.unless_in_ledger.items():
            if not await self._redis.exists(LedgerKeys(account).record(job_id)):
                endings.certain[job_id] = ended
        return endings.certain
