"""What one worker process counts of its jobs and calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import perf_counter

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from revio_jobs.contracts import Lane
from tasks.decision import Decision, Done, Requeue, Retry, Skip
from tasks.ports import Call

_JOB_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_CALL_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_WAIT_S = (0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
_VALUES = (1, 2, 5, 10, 25, 50, 100, 200, 500)


class WorkerMetrics:
    """The metrics of one process, in their own registry; implements CallObserver. Thread-safe."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._jobs = Counter(
            "revio_jobs",
            "Jobs that a thread has handled, by outcome: that of the job, the class of its error, "
            "or put_back, retried or skipped. A job that is put back or retried comes again.",
            ("task", "account", "lane", "outcome"),
            registry=registry,
        )
        self._running = Gauge(
            "revio_jobs_running", "Jobs that threads handle now.", ("task",), registry=registry
        )
        self._job_seconds = Histogram(
            "revio_job_duration_seconds",
            "From a job's start in a thread to its outcome, waits for permits included.",
            ("task", "lane"),
            buckets=_JOB_S,
            registry=registry,
        )
        self._permit_seconds = Histogram(
            "revio_permit_wait_seconds",
            "How long calls waited for their permits, refused ones included.",
            ("account", "lane"),
            buckets=_WAIT_S,
            registry=registry,
        )
        self._permits_refused = Counter(
            "revio_permits_refused",
            "Calls that got no permit, since the wait would have been long.",
            ("account", "lane", "error"),
            registry=registry,
        )
        self._throttled = Counter(
            "revio_vendor_throttled",
            "Times that the vendor said that the minute's calls are used up.",
            ("account",),
            registry=registry,
        )
        self._calls = Counter(
            "revio_vendor_calls",
            "Calls by HTTP status; not_sent if there was no connection, no_answer if it broke.",
            ("account", "lane", "purpose", "status"),
            registry=registry,
        )
        self._call_seconds = Histogram(
            "revio_vendor_call_duration_seconds",
            "From a call's permit to the end of its answer.",
            ("purpose",),
            buckets=_CALL_S,
            registry=registry,
        )
        self._values = Histogram(
            "revio_query_call_values",
            "Ids, customers and lines that one query call asked for: how well calls are shared.",
            ("account",),
            buckets=_VALUES,
            registry=registry,
        )
        Gauge("revio_process_threads", "Threads of the process.", registry=registry).set_function(
            threading.active_count
        )

    def handled(
        self, task: str, account: str, lane: Lane, handle: Callable[[], Decision]
    ) -> Decision:
        """Handle a job, and count it by the decision."""
        began = perf_counter()
        with self._running.labels(task).track_inprogress():
            decision = handle()
        self._job_seconds.labels(task, lane.value).observe(perf_counter() - began)
        self._jobs.labels(task, account, lane.value, _outcome(decision)).inc()
        return decision

    def waited(self, call: Call, seconds: float) -> None:
        """A call has its permit, or was refused one."""
        self._permit_seconds.labels(call.account, call.lane.value).observe(seconds)

    def refused(self, call: Call, error: Exception) -> None:
        """A call got no permit."""
        self._permits_refused.labels(call.account, call.lane.value, type(error).__name__).inc()

    def throttled(self, account: str) -> None:
        """The vendor says that the minute's calls are used up."""
        self._throttled.labels(account).inc()

    def called(self, call: Call, status: str, seconds: float) -> None:
        """See CallObserver."""
        self._calls.labels(call.account, call.lane.value, call.purpose.value, status).inc()
        self._call_seconds.labels(call.purpose.value).observe(seconds)

    def asked_for(self, call: Call, values: int) -> None:
        """See CallObserver."""
        self._values.labels(call.account).observe(values)


def _outcome(decision: Decision) -> str:
    match decision:
        case Done(outcome):
            error = outcome.get("error")
            return str(error["type"] if error else outcome["ok"].get("outcome", "done"))
        case Requeue():
            return "put_back"
        case Retry():
            return "retried"
        case Skip():
            return "skipped"
