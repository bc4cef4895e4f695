"""A worker's support for OpenTelemetry tracing; does nothing without its SDK."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Token

import structlog
from opentelemetry import context, trace

# As `opentelemetry.instrumentation.utils` names it, which the API does not contain.
_SUPPRESSED = "suppress_instrumentation"


def add_trace_ids(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Give a log line the ids of the trace and the span in which it is written, if there are any.

    A structlog processor.
    """
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
        event["span_id"] = trace.format_span_id(span.span_id)
    return event


@contextmanager
def untraced() -> Iterator[None]:
    """Here instrumented libraries make no spans.

    For what a worker does by itself: each command to Redis would be a separate trace.
    """
    token = _suppress()
    try:
        yield
    finally:
        context.detach(token)


def untrace_thread(**_: object) -> None:
    """From here on, instrumented libraries make no spans in this thread. A receiver of signals."""
    _suppress()


def _suppress() -> Token[context.Context]:
    return context.attach(context.set_value(_SUPPRESSED, value=True))
