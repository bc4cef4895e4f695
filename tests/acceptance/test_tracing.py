"""Producer, worker and the vendor's call are one trace, and Sentry hears of what needs a person."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery import signals
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from cli.dev.service import Service
from cli.dev.stack import Stack, local_stack
from revio_jobs import QueryJob, RevioJobs, UpdateJob, errors
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import UPDATE_TASK
from tests.patience import PATIENCE_S, wait_until

QUEUES = "revio.default.interactive,revio.default.bulk"
RATE = "77.13"
SETTINGS = {"REVIO_SWEEP_INTERVAL_S": "1"}


@dataclass(frozen=True)
class Traced:
    """A worker that is instrumented, and what it has exported."""

    stack: Stack
    worker: Service
    spans_file: Path
    sentry_file: Path

    def spans(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.spans_file.read_text().splitlines()]

    def named(self, name: str, trace_id: int) -> list[dict[str, Any]]:
        wanted = f"0x{trace_id:032x}"
        return [
            span
            for span in self.spans()
            if span["name"] == name and span["context"]["trace_id"] == wanted
        ]

    def sentry(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Transactions, or with None events."""
        lines = map(json.loads, self.sentry_file.read_text().splitlines())
        return [line for line in lines if line.get("type") == kind]


@pytest.fixture(scope="module")
def traced() -> Iterator[Traced]:
    with local_stack(workers={}, sandbox={"customers": 50}, environment=SETTINGS) as stack:
        files = {name: stack.directory / f"{name.lower()}.jsonl" for name in ("SPANS", "SENTRY")}
        worker = Service(
            "traced",
            [
                *(sys.executable, "-m", "celery", "-A", "tests.acceptance.traced_worker"),
                *("worker", "-Q", QUEUES, "-n", "traced@local"),
            ],
            {**stack.process_environment(), **{name: str(path) for name, path in files.items()}},
            stack.directory,
        )
        stack.services["traced"] = worker
        worker.start()
        worker.wait_until(lambda: '"worker_ready"' in worker.output(), timeout_s=PATIENCE_S)
        yield Traced(stack, worker, files["SPANS"], files["SENTRY"])


@pytest.fixture(scope="module")
def jobs(traced: Traced) -> Iterator[RevioJobs]:
    with RevioJobs.connect(traced.stack.redis.url) as connected:
        yield connected


@pytest.fixture
def tracer() -> Iterator[Any]:
    """The producer's, whose Celery is instrumented."""
    provider, instrumentor = TracerProvider(), CeleryInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield provider.get_tracer("producer")
    instrumentor.uninstrument()


def test_an_idle_worker_makes_no_traces(traced: Traced) -> None:
    time.sleep(6)  # a round of each of its threads
    assert [span["name"] for span in traced.spans()] == []


def test_producer_worker_and_the_vendors_calls_are_one_trace(
    traced: Traced, jobs: RevioJobs, tracer: Any
) -> None:
    with tracer.start_as_current_span("request") as request:
        query, update = (
            *jobs.submit([QueryJob(ids=[5001, 5002])], "interactive"),
            *jobs.submit([UpdateJob(id=5003, rate=RATE)], "interactive"),
        )
    query.result(PATIENCE_S)
    update.result(PATIENCE_S)
    trace_id = request.get_span_context().trace_id
    for task, operation in (
        ("query", "CustomerProducts_Query"),
        ("update", "CustomerProducts_Update"),
    ):
        run = f"run/revio.customer_products.{task}"
        wait_until(lambda run=run: traced.named(run, trace_id))
        [ran], [call] = traced.named(run, trace_id), traced.named(f"Revio/{operation}", trace_id)
        assert call["parent_id"] == ran["context"]["span_id"]
        assert call["kind"] == "SpanKind.CLIENT"
        attributes = call["attributes"]
        assert attributes["rpc.method"] == operation
        assert attributes["revio.purpose"] == task
        assert attributes["revio.lane"] == "interactive"
        assert attributes["http.response.status_code"] == 200
        assert attributes["revio.result"] == "ok"
        assert attributes["revio.permit.wait_s"] >= 0
        assert attributes["revio.ids.count"] == (2 if task == "query" else 1)


def test_spans_hold_no_secret_and_no_money(traced: Traced) -> None:
    exported = traced.spans_file.read_text()
    assert "Revio/Sessions_Create" in exported
    settings = traced.stack.environment
    for secret in ("PASSWORD", "SUBSCRIPTION_KEY"):
        assert settings[f"REVIO_ACCOUNTS__DEFAULT__{secret}"] not in exported
    calls = [json.dumps(span) for span in traced.spans() if span["name"].startswith("Revio/")]
    assert calls
    assert not any(RATE in call for call in calls)


def test_log_lines_carry_the_trace(traced: Traced, jobs: RevioJobs, tracer: Any) -> None:
    with tracer.start_as_current_span("request") as request:
        handle = jobs.query(ids=[5004])
    handle.result(PATIENCE_S)
    trace_id = f"{request.get_span_context().trace_id:032x}"
    done = [
        json.loads(line)
        for line in traced.worker.output().splitlines()
        if '"job_done"' in line and handle.job_id in line
    ]
    assert [line["trace_id"] for line in done] == [trace_id]
    assert all(len(line["span_id"]) == 16 for line in done)


def test_all_that_a_worker_exports_belongs_to_a_job(traced: Traced) -> None:
    time.sleep(1)  # the loop acknowledges, tells and asks anew
    assert [span["name"] for span in traced.spans() if span["parent_id"] is None] == []


def test_sentry_follows_a_job_into_the_vendors_call(traced: Traced, jobs: RevioJobs) -> None:
    trace_id, span_id = "12345678901234567890123456789012", "1234567890123456"

    def as_sentry_does(headers: dict[str, Any], **_: Any) -> None:
        headers["headers"] = {"sentry-trace": f"{trace_id}-{span_id}-1"}

    signals.before_task_publish.connect(as_sentry_does)
    handle = jobs.update(id=5005, rate=RATE)
    signals.before_task_publish.disconnect(as_sentry_does)
    handle.result(PATIENCE_S)
    wait_until(lambda: any(is_of(trace_id, known) for known in traced.sentry("transaction")))
    [transaction] = [known for known in traced.sentry("transaction") if is_of(trace_id, known)]
    assert transaction["transaction"] == "revio.customer_products.update"
    assert transaction["contexts"]["trace"]["parent_span_id"] == span_id
    calls = [span for span in transaction["spans"] if span["op"] == "http.client"]
    assert "Revio/CustomerProducts_Update" in [call["description"] for call in calls]
    assert all(call["trace_id"] == trace_id for call in calls)
    assert RATE not in json.dumps(calls)


def is_of(trace_id: str, transaction: dict[str, Any]) -> bool:
    return bool(transaction["contexts"]["trace"]["trace_id"] == trace_id)


def test_sentry_hears_once_of_what_needs_a_person_and_nothing_of_answers(
    traced: Traced, jobs: RevioJobs
) -> None:
    rejected = jobs.update(id=999_999, rate=RATE, expected={"rate": "1"})
    with pytest.raises(errors.Rejected):
        rejected.result(PATIENCE_S)
    drifted = jobs.update(id=5006, rate=RATE, expected={"rate": "0.01"})
    assert drifted.result(PATIENCE_S).outcome == "drifted"
    with producer_app(traced.stack.redis.url) as app:
        invalid = app.send_task(UPDATE_TASK, kwargs={"id": 0}, queue="revio.default.interactive")
        with pytest.raises(errors.InvalidJob):
            invalid.get(timeout=PATIENCE_S)
    assert traced.sentry() == []
    traced.stack.sandbox.fault("unauthorised-401", rate=1.0)
    refused = jobs.submit([QueryJob(ids=[number]) for number in range(5010, 5016)], "interactive")
    for handle in refused:
        with pytest.raises(errors.Unauthorised):
            handle.result(PATIENCE_S)
    [event] = traced.sentry()
    assert event["logentry"]["message"].startswith("account_closed: correct the login")
    assert event["extra"]["revio"]["account"] == "default"
    assert "exception" not in event
