"""What a worker counts of its jobs and calls."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from revio_jobs import Lane, errors
from tasks.decision import Decision, Requeue, Retry, Skip, failed, succeeded
from tasks.ports import Call, Permit, Purpose
from worker.meters import MeteredPermits, RedisMeter, WorkerMetrics

ROOT = Path(__file__).parents[3]
CALL = Call("default", Lane.BULK, Purpose.UPDATE, "job-1")
LANE = {"account": "default", "lane": "bulk"}


@pytest.fixture
def metrics() -> WorkerMetrics:
    return WorkerMetrics()


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        (succeeded({"outcome": "superseded"}), "superseded"),
        (succeeded({"customer_products": []}), "done"),
        (failed(errors.OutcomeUnknown("nobody knows")), "OutcomeUnknown"),
        (Requeue(3.0, "the lane is closed"), "put_back"),
        (Retry(3.0, "503"), "retried"),
        (Skip("another message runs it"), "skipped"),
    ],
)
def test_a_job_is_counted_by_what_was_decided(
    metrics: WorkerMetrics, decision: Decision, outcome: str
) -> None:
    assert metrics.handled("update", "default", Lane.BULK, lambda: decision) is decision
    labels = {"task": "update", **LANE, "outcome": outcome}
    assert metrics.registry.get_sample_value("revio_jobs_total", labels) == 1


def test_a_job_counts_as_running_until_its_end_also_when_that_is_a_defect(
    metrics: WorkerMetrics,
) -> None:
    def running() -> float | None:
        return metrics.registry.get_sample_value("revio_jobs_running", {"task": "update"})

    def handle() -> Decision:
        assert running() == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        metrics.handled("update", "default", Lane.BULK, handle)
    assert running() == 0


def test_the_docs_describe_every_metric_of_a_worker(metrics: WorkerMetrics) -> None:
    client: Any = SimpleNamespace(exchanges=0, scripts_sent=0)
    metrics.registry.register(RedisMeter(client))
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    for metric in metrics.registry.collect():
        if metric.name.startswith("revio_"):
            name = metric.name + ("_total" if metric.type == "counter" else "")
            assert f"| `{name}` |" in page
            assert f"| {metric.documentation} |" in page


class Permits:
    """Refuses every call, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def acquire(self, call: Call) -> Permit:
        raise errors.Throttled(60.0, "minute")

    def answered(self, permit: Permit) -> None:
        self.told.append(("answered", permit))

    def refund(self, permit: Permit) -> None:
        self.told.append(("refund", permit))

    def pause(self, account: str, seconds: float, reason: str, *, minute_spent: bool) -> None:
        self.told.append(("pause", account, seconds, reason, minute_spent))

    def close(self, account: str, reason: str) -> None:
        self.told.append(("close", account, reason))

    def report(self, account: str, *, healthy: bool) -> None:
        self.told.append(("report", account, healthy))


def test_a_call_that_gets_no_permit_is_counted_with_the_reason(metrics: WorkerMetrics) -> None:
    with pytest.raises(errors.Throttled):
        MeteredPermits(Permits(), metrics).acquire(CALL)
    value = metrics.registry.get_sample_value
    assert value("revio_permits_refused_total", LANE | {"error": "Throttled"}) == 1
    assert value("revio_permit_wait_seconds_count", LANE) == 1


def test_everything_else_goes_on_to_the_permits_and_each_429_is_counted(
    metrics: WorkerMetrics,
) -> None:
    permits = Permits()
    metered, permit = MeteredPermits(permits, metrics), Permit(CALL, "t")
    metered.answered(permit)
    metered.refund(permit)
    metered.pause("default", 3.0, "429", minute_spent=True)
    metered.pause("default", 3.0, "outage")
    metered.close("default", "refused")
    metered.report("default", healthy=False)
    assert permits.told == [
        ("answered", permit),
        ("refund", permit),
        ("pause", "default", 3.0, "429", True),
        ("pause", "default", 3.0, "outage", False),
        ("close", "default", "refused"),
        ("report", "default", False),
    ]
    value = metrics.registry.get_sample_value(
        "revio_vendor_throttled_total", {"account": "default"}
    )
    assert value == 1


@pytest.mark.parametrize("status", ["200", "429", "no_answer", "not_sent"])
def test_a_call_is_counted_by_its_status(metrics: WorkerMetrics, status: str) -> None:
    metrics.called(CALL, status, 0.2)
    labels = LANE | {"purpose": "update", "status": status}
    assert metrics.registry.get_sample_value("revio_vendor_calls_total", labels) == 1
