"""One task that waits for all jobs of a connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic

from redis.exceptions import RedisError

from revio_jobs.aio.store import AsyncResults
from revio_jobs.errors import Unavailable
from revio_jobs.existence_probe import ExistenceProbe, JobRef
from revio_jobs.handles import REDIS_PATIENCE_S
from revio_jobs.poll_schedule import PollSchedule
from revio_jobs.redis_faults import is_passing
from revio_jobs.results import Ended


@dataclass(frozen=True, slots=True, eq=False)
class _Watch:
    job: JobRef
    probe: ExistenceProbe
    ended: asyncio.Future[Ended]


class Watcher:
    """Polls for all results that somebody waits for; its task runs only while somebody does.

    For one event loop.
    """

    def __init__(self, results: AsyncResults) -> None:
        self._results = results
        self._schedule: PollSchedule[_Watch] = PollSchedule()
        self._watches: dict[JobRef, _Watch] = {}
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def ended(self, job: JobRef, probe: ExistenceProbe) -> Ended:
        """Waits for the job; any number may wait for the same.

        Raises Unavailable when Redis could not be reached for a minute.
        """
        watch = self._watches.get(job)
        if watch is None:
            future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
            watch = self._watches[job] = _Watch(job, probe, future)
            self._schedule.add(watch)
            self._came.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="revio-jobs-watcher")
        return await asyncio.shield(watch.ended)

    async def close(self) -> None:
        """Stop polling; tasks that still wait get asyncio.CancelledError."""
        watches = list(self._schedule)
        for watch in watches:
            watch.ended.cancel()
        self._forget(watches)
        self._came.set()
        if self._task:
            # A poll that is cut short would leave its connection open.
            await self._task

    async def _watch(self) -> None:
        reached = monotonic()
        while self._schedule:
            self._came.clear()
            polled_at = monotonic()
            try:
                await self._poll()
                reached = polled_at
            except RedisError as exc:
                # Redis may be restarting; the jobs and their results outlive that.
                if not is_passing(exc):
                    self._give_up(exc)
                elif polled_at - reached > REDIS_PATIENCE_S:
                    self._give_up(Unavailable(f"Redis cannot be reached: {exc}"))
            except Exception as exc:  # noqa: BLE001 - else they would wait for ever
                self._give_up(exc)
            await self._pause(self._schedule.pause_s(monotonic() - polled_at))

    async def _poll(self) -> None:
        polled = self._schedule.next_poll()
        ended = await self._results.poll({watch.job: watch.probe for watch in polled})
        open_ones = (watch for watch in polled if watch.job in self._watches)
        done = [watch for watch in open_ones if watch.job[1] in ended]
        for watch in done:
            watch.ended.set_result(ended[watch.job[1]])
        self._forget(done)

    def _give_up(self, error: Exception) -> None:
        watches = list(self._schedule)
        for watch in watches:
            watch.ended.set_exception(error)
            # Read once, since whoever waited may have gone.
            watch.ended.exception()
        self._forget(watches)

    def _forget(self, watches: list[_Watch]) -> None:
        self._schedule.remove(watches)
        for watch in watches:
            del self._watches[watch.job]

    async def _pause(self, seconds: float) -> None:
        """A new waiter cuts it to the shortest pause, so that many of them share a poll."""
        try:
            await asyncio.wait_for(self._came.wait(), seconds)
        except TimeoutError:
            return
        await asyncio.sleep(min(self._schedule.pause_s(0.0), seconds))
