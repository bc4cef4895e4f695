"""Measures how long calls wait for their permits."""

from __future__ import annotations

from time import perf_counter

from tasks.ports import Call, Permit, Permits
from worker.meters.worker_metrics import WorkerMetrics


class MeteredPermits:
    """Implements the Permits port on another one."""

    def __init__(self, permits: Permits, metrics: WorkerMetrics) -> None:
        self._permits = permits
        self._metrics = metrics

    def acquire(self, call: Call) -> Permit:
        """See the port, as for the other methods."""
        began = perf_counter()
        try:
            return self._permits.acquire(call)
        except Exception as exc:
            self._metrics.refused(call, exc)
            raise
        finally:
            self._metrics.waited(call, perf_counter() - began)

    def answered(self, permit: Permit) -> None:
        self._permits.answered(permit)

    def refund(self, permit: Permit) -> None:
        self._permits.refund(permit)

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> None:
        if minute_spent:
            self._metrics.throttled(account)
        self._permits.pause(account, seconds, reason, minute_spent=minute_spent)

    def close(self, account: str, reason: str) -> None:
        self._permits.close(account, reason)

    def report(self, account: str, *, healthy: bool) -> None:
        self._permits.report(account, healthy=healthy)
