"""One task that waits for all jobs of a connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic

from redis.exceptions import RedisError

from revio_jobs.aio.store import AsyncResults
from revio_jobs.existence_probe import ExistenceProbe, JobRef
from revio_jobs.poll_schedule import PollSchedule
from revio_jobs.redis_patience import RedisPatience
from revio_jobs.results import Ended


@dataclass(slots=True, eq=False)
class _Watch:
    job: JobRef
    probe: ExistenceProbe
    ended: asyncio.Future[Ended]
    waiters: int = 0


class Watcher:
    """Polls for all results that somebody waits for; its task runs only while somebody does.

    For one event loop at a time.
    """

    def __init__(self, results: AsyncResults) -> None:
        self._results = results
        self._loop: asyncio.AbstractEventLoop | None = None
        self._schedule: PollSchedule[_Watch] = PollSchedule()
        self._watches: dict[JobRef, _Watch] = {}
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def enter_loop(self) -> None:
        """A client may outlive its event loop: `asyncio.run` makes a new one at each call.

        Raises RuntimeError while another event loop is served.
        """
        loop, before = asyncio.get_running_loop(), self._loop
        if loop is before:
            return
        if before and not before.is_closed() and (before.is_running() or self._is_polling):
            raise RuntimeError("the client serves another event loop: make one in each of them")
        self._loop, self._task = loop, None
        self._schedule, self._watches = PollSchedule(), {}
        self._came = asyncio.Event()

    async def ended(self, job: JobRef, probe: ExistenceProbe) -> Ended:
        """Waits for the job; any number may wait for the same.

        Raises ResultUnavailable when Redis could not be reached for a minute.
        """
        self.enter_loop()
        watch = self._watches.get(job) or self._watch_for(job, probe)
        if not self._is_polling:
            self._task = asyncio.create_task(self._watch(), name="revio-jobs-watcher")
        watch.waiters += 1
        try:
            return await asyncio.shield(watch.ended)
        finally:
            watch.waiters -= 1
            if not watch.waiters and self._is_open(watch):
                self._forget([watch])

    async def close(self) -> None:
        """Stop polling; tasks that still wait get asyncio.CancelledError."""
        self._cancel()
        self._came.set()
        if self._task:
            # A poll that is cut short would leave its connection open.
            await asyncio.wait([self._task])

    @property
    def _is_polling(self) -> bool:
        return self._task is not None and not self._task.done()

    def _watch_for(self, job: JobRef, probe: ExistenceProbe) -> _Watch:
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        watch = self._watches[job] = _Watch(job, probe, future)
        self._schedule.add(watch)
        self._came.set()
        return watch

    async def _watch(self) -> None:
        try:
            await self._poll_while_somebody_waits()
        except asyncio.CancelledError:
            # Somebody cancels all tasks of the loop.
            self._cancel()
            raise

    async def _poll_while_somebody_waits(self) -> None:
        patience = RedisPatience()
        while self._schedule:
            self._came.clear()
            polled_at = monotonic()
            try:
                await self._poll(patience, polled_at)
            except Exception as exc:  # noqa: BLE001 - else they would wait for ever
                self._give_up(exc)
            await self._pause(self._schedule.pause_s(monotonic() - polled_at))

    async def _poll(self, patience: RedisPatience, polled_at: float) -> None:
        polled = self._schedule.next_poll()
        try:
            ended = await self._results.poll({watch.job: watch.probe for watch in polled})
        except RedisError as exc:
            patience.spend(exc, polled_at)
            return
        patience.restore()
        done = [watch for watch in polled if self._is_open(watch) and watch.job[1] in ended]
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

    def _cancel(self) -> None:
        watches = list(self._schedule)
        for watch in watches:
            watch.ended.cancel()
        self._forget(watches)

    def _is_open(self, watch: _Watch) -> bool:
        return self._watches.get(watch.job) is watch

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
