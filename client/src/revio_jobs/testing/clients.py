"""The clients of an in-memory Rev.io: the real ones, with nothing of Redis behind them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from revio_jobs.aio import AsyncRevioJobs
from revio_jobs.client import RevioJobs
from revio_jobs.contracts import CustomerProduct, Job, Lane
from revio_jobs.existence_probe import ExistenceProbe, JobRef
from revio_jobs.handles import Submitted
from revio_jobs.pages import Pages
from revio_jobs.reservation_outcome import Reservation
from revio_jobs.results import Ended
from revio_jobs.submission import checked_source
from revio_jobs.testing.revio import InMemoryRevio


class InMemoryRevioJobs(RevioJobs):
    """RevioJobs on an in-memory Rev.io: the same methods, handles, results and errors."""

    def __init__(self, revio: InMemoryRevio, *, source: str | None = None) -> None:
        """Any number of them may share one `revio`. `source` as in `RevioJobs.connect`."""
        self._source = checked_source(source)
        self._enqueuer = _Enqueuer(revio)
        self._results = _Results(revio)


class InMemoryAsyncRevioJobs(AsyncRevioJobs):
    """AsyncRevioJobs on an in-memory Rev.io. For one event loop."""

    def __init__(self, revio: InMemoryRevio, *, source: str | None = None) -> None:
        """Any number of them may share one `revio`. `source` as in `RevioJobs.connect`."""
        self._assemble(_AsyncEnqueuer(revio), _AsyncResults(revio), source)


class _Enqueuer:
    def __init__(self, revio: InMemoryRevio) -> None:
        self._revio = revio

    def enqueue(self, jobs: Sequence[Job], lane: Lane) -> list[Submitted[Any]]:
        return self._revio.submit(jobs, lane)

    def find(self, account: str, job_id: str) -> Reservation | None:
        return self._revio.find(account, job_id)

    def close(self) -> None:
        """Does nothing: no connection is open."""


class _Results:
    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, revio: InMemoryRevio) -> None:
        self._revio = revio

    def state(self, job_id: str) -> str:
        return self._revio.state(job_id)

    def progress(self, job_id: str) -> tuple[int, int] | None:  # noqa: ARG002 - as the real one's
        return None

    def poll(self, jobs: Mapping[JobRef, ExistenceProbe]) -> dict[str, Ended]:
        ended = {job_id: self._revio.ended(job_id) for _, job_id in jobs}
        return {job_id: known for job_id, known in ended.items() if known}

    def pages(self, pages: Pages) -> Iterator[tuple[CustomerProduct, ...]]:
        raise LookupError(pages.key)


class _AsyncEnqueuer:
    def __init__(self, revio: InMemoryRevio) -> None:
        self._sync = _Enqueuer(revio)

    async def enqueue(self, jobs: Sequence[Job], lane: Lane) -> list[Submitted[Any]]:
        return self._sync.enqueue(jobs, lane)

    async def find(self, account: str, job_id: str) -> Reservation | None:
        return self._sync.find(account, job_id)

    async def close(self) -> None:
        """Does nothing: no connection is open."""


class _AsyncResults:
    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, revio: InMemoryRevio) -> None:
        self._sync = _Results(revio)

    async def state(self, job_id: str) -> str:
        return self._sync.state(job_id)

    async def progress(self, job_id: str) -> tuple[int, int] | None:
        return self._sync.progress(job_id)

    async def poll(self, jobs: Mapping[JobRef, ExistenceProbe]) -> dict[str, Ended]:
        return self._sync.poll(jobs)

    async def pages(self, pages: Pages) -> AsyncIterator[tuple[CustomerProduct, ...]]:
        for page in self._sync.pages(pages):
            yield page
