"""What follows Celery's publishing hears of our jobs, too: signals, events, tracing."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import pytest
import sentry_sdk
from celery import Celery, signals
from celery.app import task, trace
from kombu import Producer
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis import Redis
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.transport import Transport

from revio_jobs import QueryJob, RevioJobs, UpdateJob
from revio_jobs.aio import AsyncRevioJobs
from revio_jobs.celery_app import producer_app
from revio_jobs.connection import connect_redis
from revio_jobs.contracts import Job
from revio_jobs.message import encode_message
from tests.patience import PATIENCE_S
from tests.sentry_client import sentry_client
from worker.ledger import LedgerTimes, RedisLedger

BULK = "revio.default.bulk"
UPDATES = [UpdateJob(id=number, rate="1", idempotency_key=f"k{number}") for number in (1, 2)]
QUERY = QueryJob(ids=[7])

Submit = Callable[[Sequence[Job]], None]


def submit_sync(url: str, jobs: Sequence[Job]) -> None:
    with RevioJobs.connect(url) as client:
        client.submit(jobs)


def submit_async(url: str, jobs: Sequence[Job]) -> None:
    async def submit() -> None:
        async with AsyncRevioJobs.connect(url) as client:
            await client.submit(jobs)

    asyncio.run(submit())


@pytest.fixture(params=[submit_sync, submit_async])
def submit(request: pytest.FixtureRequest, redis_url: str) -> Submit:
    return partial(request.param, redis_url)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connected:
        yield connected


def queued(redis: Redis) -> list[dict[str, Any]]:
    return [json.loads(message) for message in reversed(redis.lrange(BULK, 0, -1))]


class Listener:
    """Adds a header, as a tracer does, and notes what it was sent."""

    def __init__(self) -> None:
        self.before: list[dict[str, Any]] = []
        self.after: list[dict[str, Any]] = []

    def on_before(self, headers: dict[str, Any], **rest: Any) -> None:
        headers["traceparent"] = f"of {headers['id']}"
        self.before.append({"headers": headers, **rest})

    def on_after(self, **rest: Any) -> None:
        self.after.append(rest)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listening = Listener()
    signals.before_task_publish.connect(listening.on_before)
    signals.after_task_publish.connect(listening.on_after)
    yield listening
    signals.before_task_publish.disconnect(listening.on_before)
    signals.after_task_publish.disconnect(listening.on_after)


def test_the_signals_say_what_celerys_own_say(
    redis_url: str, submit: Submit, listener: Listener
) -> None:
    submit([QUERY])
    app = producer_app(redis_url)
    app.send_task(QUERY.task, kwargs=QUERY.kwargs(), queue=BULK)
    app.close()
    for ours, theirs in (listener.before, listener.after):
        assert ours.keys() == theirs.keys()
        assert ours["headers"].keys() == theirs["headers"].keys()
        for name in ("sender", "exchange", "routing_key"):
            assert ours[name] == theirs[name]
        assert [list(ours["body"][0]), *ours["body"][1:]] == [
            list(theirs["body"][0]),
            *theirs["body"][1:],
        ]
    ours, theirs = listener.before
    assert [queue.name for queue in ours["declare"]] == [queue.name for queue in theirs["declare"]]
    assert ours["properties"]["correlation_id"] == ours["headers"]["id"]


def test_headers_that_receivers_add_travel_with_each_job(
    redis: Redis, submit: Submit, listener: Listener
) -> None:
    submit([QUERY, *UPDATES])
    messages = queued(redis)
    assert len(messages) == 3
    for message in messages:
        assert message["headers"]["traceparent"] == f"of {message['headers']['id']}"
    assert [told["headers"]["id"] for told in listener.after] == [
        message["headers"]["id"] for message in messages
    ]


def test_only_what_has_reached_its_queue_is_told_as_published(
    submit: Submit, listener: Listener
) -> None:
    submit(UPDATES)
    submit([*UPDATES, UpdateJob(id=1, rate="2", idempotency_key="k1")])
    assert (len(listener.before), len(listener.after)) == (5, 2)


def test_added_headers_come_again_with_a_message_that_is_made_again(
    redis_url: str, redis: Redis, submit: Submit, listener: Listener
) -> None:
    submit(UPDATES[:1])
    [message] = queued(redis)
    redis.delete(BULK)
    app = producer_app(redis_url)
    ledger = RedisLedger(redis, LedgerTimes(45.0), partial(encode_message, app))
    job_id = message["headers"]["id"]
    assert ledger.republisher.republish("default", job_id, "revio:default:waiting:bulk", front=True)
    assert queued(redis) == [message]
    app.close()


def test_a_message_is_kept_in_the_ledger_only_for_the_headers_that_were_added(
    redis: Redis, submit: Submit
) -> None:
    submit(UPDATES[:1])
    [key] = redis.keys("revio:default:job:*")
    assert not redis.hexists(key, "message")


@pytest.mark.parametrize("wanted", [True, False])
def test_the_task_sent_event_names_the_true_queue(
    redis_url: str, redis: Redis, *, wanted: bool
) -> None:
    app = producer_app(redis_url)
    app.conf.task_send_sent_event = wanted
    with redis.pubsub() as events, RevioJobs(app, connect_redis(redis_url)) as client:
        events.psubscribe("/0.revioev*")
        assert events.get_message(timeout=PATIENCE_S)
        [handle] = client.submit(UPDATES[:1])
        published = events.get_message(timeout=PATIENCE_S if wanted else 0.2)
    assert bool(published) == wanted
    if published:
        event = json.loads(base64.b64decode(json.loads(published["data"])["body"]))
        assert (event["type"], event["uuid"]) == ("task-sent", handle.job_id)
        assert (event["queue"], event["routing_key"]) == (BULK, BULK)
        assert event["args"] == "update 1 rate=1"


@pytest.fixture
def spans() -> Iterator[tuple[TracerProvider, InMemorySpanExporter]]:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = CeleryInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield provider, exporter
    instrumentor.uninstrument()


def test_opentelemetry_makes_each_job_of_a_batch_a_span_of_the_callers_trace(
    redis: Redis, submit: Submit, spans: tuple[TracerProvider, InMemorySpanExporter]
) -> None:
    provider, exporter = spans
    with provider.get_tracer("test").start_as_current_span("request"):
        submit([*UPDATES, QUERY])
    by_id = {format(span.context.span_id, "016x"): span for span in exporter.get_finished_spans()}
    [request] = [span for span in by_id.values() if span.name == "request"]
    messages = queued(redis)
    assert len(messages) == 3
    for message in messages:
        _, trace_id, span_id, _ = message["headers"]["traceparent"].split("-")
        published: ReadableSpan = by_id[span_id]
        assert published.name == f"apply_async/{message['headers']['task']}"
        assert published.parent == request.context
        assert int(trace_id, 16) == request.context.trace_id


class NoTransport(Transport):
    """Nothing leaves."""

    def capture_envelope(self, envelope: Envelope) -> None:
        pass


@pytest.fixture(scope="module")
def sentry() -> Iterator[None]:
    """Its integration wraps these for good, once per process; Celery gets its own back."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (Celery, "send_task"),
            (task.Task, "apply_async"),
            (trace, "build_tracer"),
            (Producer, "publish"),
        ):
            patch.setattr(owner, name, getattr(owner, name))
        with sentry_client(NoTransport, CeleryIntegration()):
            yield


@pytest.mark.usefixtures("sentry")
def test_sentry_sends_its_trace_along_with_each_job(redis: Redis, submit: Submit) -> None:
    with sentry_sdk.start_transaction(name="request") as transaction:
        submit([*UPDATES, QUERY])
    messages = queued(redis)
    assert len(messages) == 3
    for message in messages:
        headers = message["headers"]
        assert headers["sentry-trace"].startswith(f"{transaction.trace_id}-")
        assert headers["headers"]["sentry-trace"] == headers["sentry-trace"]
        assert "baggage" in headers["headers"]
    parents = {message["headers"]["sentry-trace"].split("-")[1] for message in messages}
    assert len(parents) == 3


@pytest.mark.usefixtures("sentry")
def test_signals_are_sent_once_where_send_task_is_wrapped(
    submit: Submit, listener: Listener
) -> None:
    submit([QUERY, *UPDATES])
    assert (len(listener.before), len(listener.after)) == (3, 3)
    assert all("sentry-task-enqueued-time" in told["headers"] for told in listener.before)
