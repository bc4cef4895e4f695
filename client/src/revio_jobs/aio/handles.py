"""What an asyncio producer holds after it has submitted a job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel

from revio_jobs.aio.store import AsyncResultStore
from revio_jobs.aio.watcher import Watcher
from revio_jobs.contracts import CustomerProduct
from revio_jobs.handles import Handle, Submitted, not_ended
from revio_jobs.pages import Pages

R = TypeVar("R", bound=BaseModel)


class AsyncJobHandle(Handle[R]):
    """One submitted job. For the event loop in which it was submitted."""

    def __init__(self, known: Submitted[R], store: AsyncResultStore, watcher: Watcher) -> None:
        super().__init__(known, store.clock())
        self._store = store
        self._watcher = watcher

    async def state(self) -> str:
        """Celery's name: PENDING, STARTED, PROGRESS, RETRY, SUCCESS or FAILURE.

        What was noted last, which need not be what happens now. STARTED: a worker has begun the
        update at least once; it may wait again, in its queue, for another update of its product or
        for its next attempt. PENDING: nothing is noted, as of a query until it progresses or ends.
        """
        await self.done()
        return self._ended.state if self._ended else await self._store.state(self.job_id)

    async def progress(self) -> tuple[int, int] | None:
        """Vendor calls answered and calls in all, while a query of many calls is under way."""
        return await self._store.progress(self.job_id)

    async def done(self) -> bool:
        """Whether `result` would answer at once."""
        if self._ended is None:
            ended = await self._store.look({(self.account, self.job_id): self._doubt})
            self._ended = ended.get(self.job_id)
        return self._ended is not None

    async def wait(self) -> None:
        """Until the job has ended, well or not."""
        if self._ended is None:
            self._ended = await self._watcher.ended((self.account, self.job_id), self._doubt)

    async def result(self, timeout: float | None = None) -> R:  # noqa: ASYNC109 - as JobHandle's
        """The job's result. `timeout` in seconds; None waits for as long as the job exists.

        Raises the RevioError that the job ended with, TimeoutError (the job goes on then),
        ResultExpired when its result has gone, Forgotten when nothing is known of it, or
        Unavailable when Redis could not be reached for a minute.
        """
        value = await self._wait(timeout)
        if Pages.of(value):
            paged = [each async for each in self._paged(value)]
            value = value | {"customer_products": tuple(paged)}
        return self._kind.model_validate(value)

    async def records(
        self,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> AsyncIterator[CustomerProduct]:
        """A query's products one by one; of a large result a few pages are in memory at a time.

        Raises as `result`; ResultExpired when the result expires in the midst of it.
        """
        value = await self._wait(timeout)
        if Pages.of(value):
            async for each in self._paged(value):
                yield each
        else:
            for each in self._inline(value):
                yield each

    async def _wait(self, timeout: float | None) -> dict[str, Any]:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                await self.wait()
        except TimeoutError:
            raise not_ended(1, timeout) from None
        return self._value()

    async def _paged(self, value: dict[str, Any]) -> AsyncIterator[CustomerProduct]:
        pages: Any = Pages.of(value)
        try:
            async for page in self._store.pages(pages):
                for each in page:
                    yield each
        except LookupError as exc:
            raise self._expired(value) from exc


async def as_completed(
    handles: Iterable[AsyncJobHandle[Any]],
    timeout: float | None = None,  # noqa: ASYNC109 - as revio_jobs.as_completed
) -> AsyncIterator[AsyncJobHandle[Any]]:
    """The handles in the order in which their jobs end; `result` answers at once for each.

    Raises TimeoutError when some have not ended after `timeout` seconds, and Unavailable when Redis
    could not be reached for a minute.
    """
    waits = {asyncio.create_task(handle.wait()): handle for handle in handles}
    ended: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()
    for each in waits:
        each.add_done_callback(ended.put_nowait)
    give_up = None if timeout is None else asyncio.get_running_loop().time() + timeout
    try:
        for left in range(len(waits), 0, -1):
            wait = await _next(ended, give_up)
            if wait is None:
                raise not_ended(left, timeout)
            wait.result()
            yield waits[wait]
    finally:
        for each in waits:
            each.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _next(
    ended: asyncio.Queue[asyncio.Task[None]], give_up: float | None
) -> asyncio.Task[None] | None:
    """None: there was none until then."""
    try:
        async with asyncio.timeout_at(give_up):
            return await ended.get()
    except TimeoutError:
        return None
