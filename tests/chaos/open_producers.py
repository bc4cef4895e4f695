"""Producers that keep their connections open and submit all the time, each in a thread."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import ClassVar

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from revio_jobs import Lane, RevioJobs, UpdateJob
from revio_jobs.aio import AsyncRevioJobs
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import DEFAULT_ACCOUNT, UPDATE_TASK, queue_name
from revio_jobs.errors import RevioError
from tests.chaos.plan import accepting_products, key_of, values_of
from tests.chaos.records import Line

_PAUSE_S = 0.03
_ANSWER_S = 60
_PRODUCTS = 300
"""Of each producer, which has them for itself, so that their updates have an order."""
_MOST = 4
"""Producers that number what they submit side by side."""


@dataclass(frozen=True)
class Attempt:
    """What is submitted, again and again until it is accepted."""

    number: int
    job: UpdateJob
    task: str


Submit = Callable[[Attempt], Line]
"""Returns what is to be recorded. Raises RedisError or OperationalError if it may be lost."""


class OpenProducer(ABC):
    """Submits until it is stopped."""

    name: ClassVar[str]
    kind: ClassVar[str]
    """Under which the chaos tests record it."""

    def __init__(self, url: str, place: int) -> None:
        self._url = url
        self._products = accepting_products(_MOST * _PRODUCTS)[place * _PRODUCTS :][:_PRODUCTS]
        self._numbers = count(place, _MOST)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.jobs: dict[int, UpdateJob] = {}
        """All updates that may have been accepted, by number."""
        self.lines: list[Line] = []
        """What was certainly accepted."""

    def start(self) -> None:
        """Connects, and submits from then on."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the last one was accepted."""
        self._stopped.set()
        self._thread.join()

    @abstractmethod
    def _connected(self) -> AbstractContextManager[Submit]:
        """Called once: what it gives uses the same connections for all attempts."""

    def _run(self) -> None:
        with self._connected() as submit:
            while not self._stopped.is_set():
                self.lines.append(_persistently(partial(submit, self._next())))
                time.sleep(_PAUSE_S)

    def _next(self) -> Attempt:
        number = next(self._numbers)
        product = self._products[number // _MOST % len(self._products)]
        job = UpdateJob(id=product, idempotency_key=key_of(number), **values_of(number, ("rate",)))
        if self.kind != "queries":
            self.jobs[number] = job
        return Attempt(number, job, str(uuid.uuid4()))


class Client(OpenProducer):
    """Updates through the client."""

    name, kind = "client", "client"

    @contextmanager
    def _connected(self) -> Iterator[Submit]:
        def submit(attempt: Attempt) -> Line:
            [handle] = jobs.submit([attempt.job], Lane.BULK)
            return {"number": attempt.number, "kind": "job", "submission": handle.submission}

        with RevioJobs.connect(self._url) as jobs:
            yield submit


class AsyncClient(OpenProducer):
    """Updates through the asyncio client."""

    name, kind = "asyncio client", "client"

    @contextmanager
    def _connected(self) -> Iterator[Submit]:
        def submit(attempt: Attempt) -> Line:
            [handle] = loop.run(jobs.submit([attempt.job], Lane.BULK))
            return {"number": attempt.number, "kind": "job", "submission": handle.submission}

        async def connect() -> AsyncRevioJobs:
            return AsyncRevioJobs.connect(self._url)

        with asyncio.Runner() as loop:
            jobs = loop.run(connect())
            yield submit
            loop.run(jobs.close())


class RawMessages(OpenProducer):
    """Updates by Celery alone."""

    name, kind = "raw producer", "raw"

    @contextmanager
    def _connected(self) -> Iterator[Submit]:
        queue = queue_name(DEFAULT_ACCOUNT, Lane.BULK)

        def submit(attempt: Attempt) -> Line:
            app.send_task(
                UPDATE_TASK, kwargs=attempt.job.kwargs(), task_id=attempt.task, queue=queue
            )
            return {"number": attempt.number, "task": attempt.task}

        with producer_app(self._url) as app:
            yield submit


class Queries(OpenProducer):
    """Queries through the client, each of which waits for its answer."""

    name, kind = "query", "queries"

    @contextmanager
    def _connected(self) -> Iterator[Submit]:
        def submit(attempt: Attempt) -> Line:
            handle = jobs.query(ids=[attempt.job.id], lane=Lane.INTERACTIVE)
            with suppress(RevioError, TimeoutError):  # judged at the end, as its caller heard it
                handle.result(_ANSWER_S)
            return {"ids": [attempt.job.id], "task": handle.job_id}

        with RevioJobs.connect(self._url) as jobs:
            yield submit


def _persistently(attempt: Callable[[], Line]) -> Line:
    while True:
        with suppress(OperationalError, RedisError):
            return attempt()
        time.sleep(_PAUSE_S)
