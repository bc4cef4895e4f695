"""Threads for jobs: a few that call, and many in which queries wait to share a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from threading import Lock, Semaphore
from typing import Any, Protocol, TypeVar

from celery.concurrency.base import apply_target
from celery.concurrency.thread import ApplyResult, TaskPool

from revio_jobs.contracts import QUERY_TASK, parse_queue_name

T = TypeVar("T")


class Consumer(Protocol):
    """The part of Celery's consumer that says how many messages it may hold."""

    qos: Any
    """kombu's QoS of the present connection."""


class JobPool(TaskPool):  # type: ignore[misc] # Celery is untyped
    """Celery's pool of threads, and a second one of `worker_query_threads` for queries.

    A query in there does not count against the prefetch, just as a task with an ETA does not: the
    worker holds one message per thread of either kind. Queries beyond that are as other jobs.
    """

    consumer: Consumer | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Celery's
        super().__init__(*args, **kwargs)
        query_threads = int(self.app.conf.worker_query_threads)
        self._room = Semaphore(query_threads)
        self._counting = Lock()
        self.threads: Counter[str] = Counter()
        """By account: how many of the threads that count against the prefetch its jobs have."""
        self._queries = ThreadPoolExecutor(query_threads, "query")

    def on_apply(
        self,
        target: Any,  # noqa: ANN401 - Celery's tracer
        args: Any = None,  # noqa: ANN401 - which begin with the task's name
        kwargs: dict[str, Any] | None = None,
        callback: Any = None,  # noqa: ANN401
        accept_callback: Any = None,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> ApplyResult:
        """As Celery's."""
        consumer = self.consumer if args[0] == QUERY_TASK else None
        if consumer is None or not self._room.acquire(blocking=False):
            apply = super().on_apply
            result = _alone(apply, target, args, kwargs, callback, accept_callback, **options)
            self._count(_account_of(args[2]), result)
            return result
        prefetch = consumer.qos
        prefetch.increment_eventually()

        def leave(_: object) -> None:
            # A new connection has its own prefetch, which this query never raised.
            prefetch.decrement_eventually()
            self._room.release()

        submit = self._queries.submit
        future = _alone(submit, apply_target, target, args, kwargs, callback, accept_callback)
        future.add_done_callback(leave)
        return ApplyResult(future)

    def _count(self, account: str | None, result: ApplyResult) -> None:
        if account is None:
            return

        def leave(_: object) -> None:
            with self._counting:
                self.threads[account] -= 1
                self.threads += Counter()

        with self._counting:
            self.threads[account] += 1
        result.f.add_done_callback(leave)

    def on_stop(self) -> None:
        """Wait for the jobs that run."""
        self._queries.shutdown(cancel_futures=True)
        super().on_stop()


def _alone(call: Callable[..., T], *args: Any, **kwargs: Any) -> T:  # noqa: ANN401
    """Where threads are given the context of whoever starts them, a job's is to be empty.

    So does OpenTelemetry's instrumentation of threads, and Celery's loop is not to be traced.
    """
    return Context().run(call, *args, **kwargs)


def _account_of(request: Mapping[str, Any]) -> str | None:
    """None for a message that did not come through a lane's queue."""
    lane = parse_queue_name((request.get("delivery_info") or {}).get("routing_key") or "")
    return lane[0] if lane else None
