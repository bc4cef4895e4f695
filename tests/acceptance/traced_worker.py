"""The worker's app as an operator instruments it, with OpenTelemetry and Sentry.

    SPANS=… SENTRY=… celery -A tests.acceptance.traced_worker worker …

Spans and what Sentry would be sent go to these files, a JSON document a line.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import sentry_sdk
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

SPANS = Path(os.environ["SPANS"]).open("a", encoding="utf-8")  # noqa: SIM115 - for as long as it runs
SENTRY = Path(os.environ["SENTRY"]).open("a", encoding="utf-8")  # noqa: SIM115


class FileTransport(Transport):
    """Keeps events and transactions."""

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            document: Any = item.get_event() or item.get_transaction_event()
            if document:
                SENTRY.write(json.dumps(document, default=repr) + "\n")
                SENTRY.flush()


provider = TracerProvider()
exporter = ConsoleSpanExporter(out=SPANS, formatter=lambda span: f"{span.to_json(indent=None)}\n")
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
CeleryInstrumentor().instrument()
RedisInstrumentor().instrument()
sentry_sdk.init(
    "http://key@localhost/1",
    transport=FileTransport,
    traces_sample_rate=1.0,
    integrations=[CeleryIntegration(), LoggingIntegration()],
)

from worker.celery import app  # noqa: E402 - what it imports is instrumented

__all__ = ["app"]
