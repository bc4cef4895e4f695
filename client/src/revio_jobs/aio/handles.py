"""What an asyncio producer holds after it has submitted a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar, cast

from pydantic import BaseModel
from redis.exceptions import RedisError

from revio_jobs.aio.store import AsyncResults
from revio_jobs.aio.watcher import Watcher
from revio_jobs.contracts import CustomerProduct
from revio_jobs.handles import Handle, Submitted, checked_timeout, not_ended
from revio_jobs.pages import Pages
from revio_jobs.redis_faults import is_passing

R = TypeVar("R", bound=BaseModel)
R_co = TypeVar("R_co", bound=BaseModel, covariant=True)

_SHORT_S = 1.0
"""A timeout that is shorter may pass before the watcher has polled; it polls for all together."""
_LAST_POLL_S = 2.0
"""When a timeout has passed: a Redis that takes longer to say what has ended is not waited for."""


class AsyncJobHandle(Handle[R_co]):
    """One submitted job. For the event loop in which it was submitted.

    Every method that talks to Redis raises redis.exceptions.ConnectionError when it is down, but
    waiting goes on for up to a minute without Redis.
    """

    def __init__(self, known: Submitted[R_co], results: AsyncResults, watcher: Watcher) -> None:
        super().__init__(known, results.clock())
        self._results = results
        self._watcher = watcher

    async def state(self) -> str:
        """See JobHandle.state."""
        await self.done()
        return self._ended.state if self._ended else await self._results.state(self.job_id)

    async def progress(self) -> tuple[int, int] | None:
        """See JobHandle.progress."""
        self._watcher.enter_loop()
        return await self._results.progress(self.job_id)

    async def done(self) -> bool:
        """Whether the job has ended, well or not, so that `result` would return at once."""
        self._watcher.enter_loop()
        return bool(self._ended or await _poll([self]))

    async def wait(self) -> None:
        """Wait until the job has ended, well or not.

        Raises ResultUnavailable when Redis could not be reached for a minute.
        """
        if self._ended is None:
            self._note(await self._watcher.ended((self.account, self.job_id), self._probe))

    async def result(self, timeout: float | None = None) -> R_co:  # noqa: ASYNC109 - as JobHandle's
        """Wait for the job to end and return its result.

        `timeout` in seconds; if omitted, it waits for as long as the job exists. Raises the
        RevioError that the job ended with; TimeoutError when it has not ended in time (the job goes
        on); ResultExpired when its result has expired; Forgotten when Redis knows nothing of it;
        ResultUnavailable when Redis could not be reached for a minute (the job may go on).
        """
        value = await self._wait(timeout)
        if Pages.of(value):
            products = [product async for product in self._paged(value)]
            value = value | {"customer_products": tuple(products)}
        return self._kind.model_validate(value)

    async def records(
        self,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> AsyncIterator[CustomerProduct]:
        """A query's products one by one, with a few pages of a large result in memory.

        `timeout` and errors as in `result`; also raises ResultExpired when the result expires while
        it is being read, and TypeError for an update.
        """
        self._check_has_records()
        value = await self._wait(timeout)
        if Pages.of(value):
            async for product in self._paged(value):
                yield product
        else:
            for product in self._inline(value):
                yield product

    async def _wait(self, timeout: float | None) -> dict[str, Any]:  # noqa: ASYNC109
        limit = checked_timeout(timeout)
        try:
            async with asyncio.timeout(limit):
                await self.wait()
        except TimeoutError:
            is_short = limit is not None and limit < _SHORT_S
            if not is_short or not await _last_poll([self]):
                raise not_ended(1, timeout) from None
        return self._value()

    async def _paged(self, value: dict[str, Any]) -> AsyncIterator[CustomerProduct]:
        pages = cast("Pages", Pages.of(value))
        try:
            async for page in self._results.pages(pages):
                for product in page:
                    yield product
        except LookupError as exc:
            raise self._expired(value) from exc


async def as_completed(
    handles: Iterable[AsyncJobHandle[R]],
    timeout: float | None = None,  # noqa: ASYNC109 - as revio_jobs.as_completed
) -> AsyncIterator[AsyncJobHandle[R]]:
    """The handles in the order in which their jobs end; `result` of each returns at once.

    Each comes once. `timeout` in seconds for all of them; if omitted, it waits for as long as the
    jobs exist. Raises TimeoutError when some have not ended in time, and ResultUnavailable when
    Redis could not be reached for a minute; the jobs go on. What jobs end with is raised by their
    handles' `result`, not here.
    """
    limit, pending = checked_timeout(timeout), dict.fromkeys(handles)
    waits = {asyncio.create_task(handle.wait()): handle for handle in pending}
    ended: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()
    for wait in waits:
        wait.add_done_callback(ended.put_nowait)
    give_up = None if limit is None else asyncio.get_running_loop().time() + limit
    try:
        while pending and (done := await _next(ended, give_up)):
            done.result()
            del pending[waits[done]]
            yield waits[done]
        for handle in await _last_poll(list(pending)):
            del pending[handle]
            yield handle
        if pending:
            raise not_ended(len(pending), timeout)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _last_poll(handles: list[AsyncJobHandle[R]]) -> list[AsyncJobHandle[R]]:
    """Those that have ended by now; the watcher may have polled for them a second ago."""
    try:
        async with asyncio.timeout(_LAST_POLL_S):
            await _poll(handles)
    except RedisError as exc:
        if not is_passing(exc):
            raise
    except TimeoutError:
        pass
    return [handle for handle in handles if handle._ended]


async def _poll(handles: list[AsyncJobHandle[R]]) -> list[AsyncJobHandle[R]]:
    """Those that have ended; what is newly known is noted in them."""
    for results in {handle._results for handle in handles}:
        pending = [h for h in handles if h._results is results and not h._ended]
        ended = await results.poll({(h.account, h.job_id): h._probe for h in pending})
        for handle in pending:
            handle._note(ended.get(handle.job_id))
    return [handle for handle in handles if handle._ended]


async def _next(
    ended: asyncio.Queue[asyncio.Task[None]], give_up: float | None
) -> asyncio.Task[None] | None:
    """The result; None if there was none by `give_up`, in seconds of the loop's clock."""
    try:
        async with asyncio.timeout_at(give_up):
            return await ended.get()
    except TimeoutError:
        return None
