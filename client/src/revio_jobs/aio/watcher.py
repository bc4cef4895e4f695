"""One task that waits for all jobs of a connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from revio_jobs.aio.store import AsyncResultStore
from revio_jobs.errors import Unavailable
from revio_jobs.handles import REDIS_PATIENCE_S
from revio_jobs.results import Ended
from revio_jobs.search import Doubt, JobRef
from revio_jobs.waiting import Waiting


@dataclass(frozen=True, slots=True, eq=False)
class _Watch:
    job: JobRef
    doubt: Doubt
    ended: asyncio.Future[Ended]


class Watcher:
    """Looks for the results of all who wait; its task runs only while somebody does.

    For one event loop.
    """

    def __init__(self, store: AsyncResultStore) -> None:
        self._store = store
        self._waiting: Waiting[_Watch] = Waiting()
        self._watches: dict[JobRef, _Watch] = {}
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def ended(self, job: JobRef, doubt: Doubt) -> Ended:
        """Waits for the job; any number may wait for the same.

        Raises Unavailable when Redis could not be reached for a minute.
        """
        watch = self._watches.get(job)
        if watch is None:
            future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
            watch = self._watches[job] = _Watch(job, doubt, future)
            self._waiting.add(watch)
            self._came.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="revio-jobs-watcher")
        return await asyncio.shield(watch.ended)

    async def close(self) -> None:
        """Who waits hears asyncio.CancelledError."""
        everyone = list(self._waiting)
        for watch in everyone:
            watch.ended.cancel()
        self._forget(everyone)
        self._came.set()
        if self._task:
            # A look that is cut short would leave its connection open.
            await self._task

    async def _watch(self) -> None:
        reached = monotonic()
        while self._waiting:
            self._came.clear()
            looked_at = monotonic()
            try:
                await self._look()
                reached = looked_at
            except (RedisConnectionError, RedisTimeoutError) as exc:
                # Redis may be restarting; the jobs and their results outlive that.
                if looked_at - reached > REDIS_PATIENCE_S:
                    self._give_up(Unavailable(f"Redis cannot be reached: {exc}"))
            except Exception as exc:  # noqa: BLE001 - else they would wait for ever
                self._give_up(exc)
            await self._rest(self._waiting.pause_s(monotonic() - looked_at))

    async def _look(self) -> None:
        looked_at = self._waiting.next_look()
        ended = await self._store.look({each.job: each.doubt for each in looked_at})
        done = [each for each in looked_at if each.job in self._watches and each.job[1] in ended]
        for watch in done:
            watch.ended.set_result(ended[watch.job[1]])
        self._forget(done)

    def _give_up(self, error: Exception) -> None:
        everyone = list(self._waiting)
        for watch in everyone:
            watch.ended.set_exception(error)
            # Somebody who waited may have gone since.
            watch.ended.exception()
        self._forget(everyone)

    def _forget(self, watches: list[_Watch]) -> None:
        self._waiting.ended(watches)
        for watch in watches:
            del self._watches[watch.job]

    async def _rest(self, seconds: float) -> None:
        """Newcomers end it, after the shortest pause, so that many of them share a look."""
        try:
            await asyncio.wait_for(self._came.wait(), seconds)
        except TimeoutError:
            return
        await asyncio.sleep(min(self._waiting.pause_s(0.0), seconds))
