"""Tells instrumentation of a job that is published, as if Celery published it.

Tracing and error tracking follow Celery in two ways: they connect to its publish signals
(OpenTelemetry, Datadog, django-structlog), or wrap its `send_task` (Sentry, New Relic). Both add
headers, by which the worker's side finds the trace again. Our messages do not go through
`send_task`, so the signals are sent here, and a wrapped `send_task` is called on an app that hands
over the headers and publishes nothing.

Nothing of this costs anything while nobody listens.
"""

from __future__ import annotations

import base64
import copy
import json
import logging
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import cache
from typing import Any

from celery import Celery, signals
from celery.app.amqp import AMQP
from kombu.exceptions import OperationalError
from kombu.utils.json import dumps
from redis.exceptions import RedisError

from revio_jobs.celery_app import lane_queue
from revio_jobs.contracts import Job, Lane, parse_queue_name

_log = logging.getLogger("revio_jobs")

_EVENT_FIELDS = ("root_id", "parent_id", "retries", "eta", "expires")


def is_observed(app: Celery) -> bool:
    """Whether anything listens for publications."""
    return bool(
        signals.before_task_publish.receivers
        or signals.after_task_publish.receivers
        or app.conf.task_send_sent_event
        or _is_wrapped()
    )


class Publication:
    """One job on its way to its queue.

    What it calls runs in a context of its own: the spans of a batch's jobs are siblings, and one
    that is never ended, since its job was submitted before, is nobody's parent.
    """

    def __init__(self, job: Job, message: str) -> None:
        """`message`: the JSON text for the lane's queue."""
        self._context = copy_context()
        self._task = job.task
        self._text, self._parsed = message, json.loads(message)
        self._headers: dict[str, Any] = self._parsed["headers"]
        self._body = tuple(json.loads(base64.b64decode(self._parsed["body"])))
        self._queue: str = self._parsed["properties"]["delivery_info"]["routing_key"]

    def announce(self, app: Celery) -> str:
        """Send `before_task_publish`. Returns the message with the headers that were added."""
        headers = copy.deepcopy(self._headers)
        self._context.run(self._announce, app)
        return self._text if self._headers == headers else dumps(self._parsed)

    def confirm(self) -> None:
        """Send `after_task_publish`: the message is in its queue."""
        self._context.run(
            signals.after_task_publish.send,
            sender=self._task,
            body=self._body,
            headers=self._headers,
            exchange="",
            routing_key=self._queue,
        )

    @property
    def sent_event(self) -> dict[str, Any]:
        """The fields of Celery's `task-sent` event."""
        headers = self._headers
        return {
            "uuid": headers["id"],
            "name": self._task,
            "args": headers["argsrepr"],
            "kwargs": headers["kwargsrepr"],
            "queue": self._queue,
            "exchange": "",
            "routing_key": self._queue,
            **{name: headers[name] for name in _EVENT_FIELDS},
        }

    def _announce(self, app: Celery) -> None:
        if not _is_wrapped():
            self._send_before(app)
            return

        def published(added: dict[str, Any]) -> None:
            self._headers.update(added)
            self._send_before(app)

        _headers_only().send_task(
            self._task,
            kwargs=self._body[1],
            task_id=self._headers["id"],
            queue=self._queue,
            headers={},
            ignore_result=True,
            add_to_parent=False,
            published=published,
        )

    def _send_before(self, app: Celery) -> None:
        account, lane = parse_queue_name(self._queue) or ("", Lane.INTERACTIVE)
        signals.before_task_publish.send(
            sender=self._task,
            body=self._body,
            exchange="",
            routing_key=self._queue,
            declare=[lane_queue(account, lane)],
            headers=self._headers,
            properties=self._parsed["properties"],
            retry_policy=dict(app.conf.task_publish_retry_policy),
        )


def send_events(app: Celery, publications: Sequence[Publication]) -> None:
    """A `task-sent` event for each, if the app's setting `task_send_sent_event` asks for them.

    Waits for Redis. Never raises: the jobs are accepted.
    """
    if not (app.conf.task_send_sent_event and publications):
        return
    try:
        with app.events.default_dispatcher() as dispatcher:
            for publication in publications:
                dispatcher.send("task-sent", **publication.sent_event)
    except (OperationalError, RedisError, OSError):
        _log.warning("task-sent events were not sent; the jobs are accepted", exc_info=True)


class _HeadersOnlyAMQP(AMQP):  # type: ignore[misc] # Celery is untyped
    def send_task_message(
        self,
        producer: object,  # noqa: ARG002 - as Celery's
        name: str,  # noqa: ARG002
        message: object,  # noqa: ARG002
        *,
        published: Callable[[dict[str, Any]], None],
        headers: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """As Celery's, but it hands over the headers and publishes nothing."""
        published(headers or {})


@cache
def _headers_only() -> Celery:
    return Celery(
        "revio_jobs.publishing", broker="memory://", amqp=_HeadersOnlyAMQP, set_as_current=False
    )


def _is_wrapped() -> bool:
    return hasattr(Celery.send_task, "__wrapped__")
