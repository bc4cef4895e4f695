"""What a span says of a call, and what it never says."""

from __future__ import annotations

from contextvars import Context, copy_context
from datetime import date
from decimal import Decimal

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, Tracer

from revio_jobs import errors
from revio_jobs.contracts import Lane
from tasks.ports import Call, Change, Filters, Purpose
from tests.unit.soap.wsdls import config
from worker.soap.spans import CallSpans, link_waiting, note_answer, note_query, note_update

CALL = Call("default", Lane.BULK, Purpose.QUERY, "job-1")


class Traced:
    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer: Tracer = provider.get_tracer("test")
        self.calls = CallSpans(config(), self.tracer)

    def named(self, name: str) -> ReadableSpan:
        [span] = [span for span in self._exporter.get_finished_spans() if span.name == name]
        return span


@pytest.fixture
def traced() -> Traced:
    return Traced()


@pytest.mark.parametrize(
    ("error", "is_failure"),
    [
        (errors.Unavailable("the rate 77.13 was not taken"), True),
        (errors.Rejected("E7", "rate 77.13 is too high"), True),
        (errors.Throttled(3.0, "minute"), False),
        (errors.QuotaExhausted(1.0), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_told_by_its_class_and_waiting_is_not_a_failure(
    traced: Traced, error: errors.RevioError, *, is_failure: bool
) -> None:
    with pytest.raises(type(error)), traced.calls.open(CALL, "CustomerProducts_Query"):
        raise error
    span = traced.named("Revio/CustomerProducts_Query")
    assert span.attributes
    assert span.attributes["revio.result"] == type(error).__name__
    assert (span.status.status_code is StatusCode.ERROR) == is_failure
    assert "77.13" not in span.to_json()


def test_a_query_shows_how_many_values_it_asks_for_and_the_first_products(traced: Traced) -> None:
    with traced.calls.open(CALL, "CustomerProducts_Query"):
        note_query(Filters(ids=tuple(range(1, 201))))
        note_answer(success=False, code="E7")
    attributes = traced.named("Revio/CustomerProducts_Query").attributes
    assert attributes
    assert attributes["revio.ids.count"] == 200
    assert attributes["revio.ids"] == tuple(range(1, 21))
    assert (attributes["revio.result"], attributes["revio.result_code"]) == ("refused", "E7")
    assert attributes["revio.job_id"] == "job-1"


def test_an_update_shows_its_fields_without_their_values(traced: Traced) -> None:
    with traced.calls.open(CALL, "CustomerProducts_Update"):
        values = {"rate": Decimal("77.13"), "activated_date": date(2026, 1, 31)}
        note_update(Change(5001, values, frozenset({"code1"})))
    span = traced.named("Revio/CustomerProducts_Update")
    assert span.attributes
    assert span.attributes["revio.fields"] == ("activated_date", "code1", "rate")
    assert span.attributes["revio.ids"] == (5001,)
    assert "77.13" not in span.to_json()
    assert not {"2026-01-31", values["activated_date"]} & set(map(str, span.attributes.values()))


def test_a_shared_call_and_the_jobs_that_wait_for_it_are_linked(traced: Traced) -> None:
    waiting: list[Context] = []
    with traced.tracer.start_as_current_span("job that waits"):
        waiting.append(copy_context())
        with (
            traced.tracer.start_as_current_span("job that leads"),
            traced.calls.open(CALL, "CustomerProducts_Query"),
        ):
            link_waiting([*waiting, Context()])
    call, job = traced.named("Revio/CustomerProducts_Query"), traced.named("job that waits")
    assert [link.context for link in call.links] == [job.context]
    assert [link.context for link in job.links] == [call.context]
