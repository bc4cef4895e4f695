"""The vendor's calls as OpenTelemetry spans; without its SDK, nothing happens here.

Attributes follow the semantic conventions for RPC and HTTP clients; ours begin with `revio.`. No
span holds a credential, a session, a text of the vendor's or a value that is read or written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Context
from typing import cast
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from revio_jobs.errors import QuotaExhausted, Throttled
from tasks.ports import Call, Change, Filters
from worker.soap.config import SoapConfig

_SERVICE = "Revio"
_MOST_IDS = 20


class CallSpans:
    """Makes one span for each call of an account: from asking for the permit to the answer."""

    def __init__(self, config: SoapConfig, tracer: Tracer | None = None) -> None:
        """`tracer`: that of the process if omitted."""
        endpoint = urlsplit(config.endpoint)
        self._tracer = tracer or trace.get_tracer("revio.worker")
        host, port = endpoint.hostname or "", endpoint.port
        port = port or (443 if endpoint.scheme == "https" else 80)
        self._attributes: Mapping[str, str | int] = {
            "rpc.system": "soap",
            "rpc.service": _SERVICE,
            "server.address": host,
            "server.port": port,
            "url.full": f"{endpoint.scheme}://{host}:{port}{endpoint.path}",
        }

    @contextmanager
    def open(self, call: Call, operation: str, method: str = "POST") -> Iterator[None]:
        """The current span is the call's; an error ends it, by its class alone."""
        attributes: dict[str, str | int] = {
            **self._attributes,
            "rpc.method": operation,
            "http.request.method": method,
            "revio.account": call.account,
            "revio.lane": call.lane.value,
            "revio.purpose": call.purpose.value,
        }
        if call.job_id:
            attributes["revio.job_id"] = call.job_id
        if call.source:
            attributes["revio.source"] = call.source
        name = f"{_SERVICE}/{operation}"
        traced = self._tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        )
        with _sentry_span(name, attributes), traced as span:
            try:
                yield
            except BaseException as exc:
                error = type(exc).__name__
                span.set_attribute("revio.result", error)
                if not isinstance(exc, Throttled | QuotaExhausted):
                    span.set_attribute("error.type", error)
                    span.set_status(StatusCode.ERROR, error)
                raise


def _sentry_span(name: str, attributes: Mapping[str, str | int]) -> AbstractContextManager[object]:
    """Sentry's own span, if the process has initialised it: it does not see those of OpenTelemetry.

    Where it is told to (`instrumenter="otel"`), it makes none here by itself.
    """
    sentry = sys.modules.get("sentry_sdk")
    if sentry is None or not sentry.is_initialized():
        return nullcontext()
    span = sentry.start_span(op="http.client", name=name, origin="manual.revio")
    for key, value in attributes.items():
        span.set_data(key, value)
    return cast("AbstractContextManager[object]", span)


def note_permit(waited_s: float) -> None:
    """Note how long the call has waited for its permit."""
    span = trace.get_current_span()
    span.set_attribute("revio.permit.wait_s", round(waited_s, 3))
    span.add_event("revio.permit.granted")


def note_status(status: int) -> None:
    """The answer's HTTP status."""
    trace.get_current_span().set_attribute("http.response.status_code", status)


def note_answer(*, success: bool, code: str | None) -> None:
    """What the vendor answered, by its code alone: its words may repeat the request."""
    span = trace.get_current_span()
    span.set_attribute("revio.result", "ok" if success else "refused")
    if code and not success:
        span.set_attribute("revio.result_code", code)


def note_query(filters: Filters) -> None:
    """How many values the call asks for; the first IDs of products by name."""
    span = trace.get_current_span()
    span.set_attribute("revio.ids.count", filters.count)
    if filters.ids:
        span.set_attribute("revio.ids", filters.ids[:_MOST_IDS])


def note_update(change: Change) -> None:
    """Which fields of which product the call changes, without their values."""
    span = trace.get_current_span()
    span.set_attribute("revio.ids.count", 1)
    span.set_attribute("revio.ids", (change.id,))
    span.set_attribute("revio.fields", sorted({*change.values, *change.clear}))


def link_waiting(contexts: Iterable[Context]) -> None:
    """Link the present call with the spans of others, current in their contexts, who wait for it.

    A span has one parent: the query that leads. The others' traces lead to it by the link.
    """
    span = trace.get_current_span()
    if not span.is_recording():
        return
    for context in contexts:
        waiting = context.run(trace.get_current_span)
        if waiting.get_span_context().is_valid:
            span.add_link(waiting.get_span_context())
            waiting.add_link(span.get_span_context())
