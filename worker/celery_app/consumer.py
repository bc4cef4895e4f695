"""Celery's consumer, made to outlive every way in which Redis can vanish under it."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from celery.exceptions import CPendingDeprecationWarning
from celery.worker.consumer import Consumer
from redis.exceptions import RedisError

from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from revio_jobs.errors import InvalidJob
from worker.celery_app.redis_guard import refuse_missing_permission
from worker.redis_kit.redis_memory import is_full
from worker.redis_kit.refusal_log import log_refusal

_log = structlog.get_logger(__name__)

# Operators see events this much later; in return each costs a fraction of a message.
_EVENTS_EVERY_S = 0.25
_EVENTS_AT_ONCE = 1000
# A full Redis takes the connection and then refuses, at once each time.
_FULL_PAUSE_S = 2.0
# Between two attempts to connect; the first failure is followed by the shorter one.
_CONNECT_PAUSE_S = 0.5
_CONNECT_PAUSE_MAX_S = 3.0
# So many errors within so long that no connection is lost by are a defect of ours.
_DEFECTS = 5
_DEFECTS_WITHIN_S = 60.0
_REPORT = "report it, with the traceback: this worker connects anew again and again"


class ReconnectingConsumer(Consumer):  # type: ignore[misc] # Celery is untyped
    """Reconnects after any error of its loop.

    kombu 5.7 with redis-py 8 does not always report a lost connection as a connection error: a
    channel whose connection is gone raises AttributeError, for one, and that would end the worker.
    """

    connection_errors: tuple[type[BaseException], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as Celery's
        # Nothing uses what workers tell each other in these; mingle delays each start by a second,
        # and gossip fails at each reconnection.
        super().__init__(*args, **kwargs, without_mingle=True, without_gossip=True)
        self._lost_by = (*self.connection_errors, *self.channel_errors, RedisError)
        self.connection_errors = (*self.connection_errors, Exception)
        self._odd_errors_at: deque[float] = deque(maxlen=_DEFECTS)
        self.pool.consumer = self

    def ensure_connected(self, conn: Any) -> Any:  # noqa: ANN401 - as Celery's
        """As Celery's, which pauses for up to 30 s between two attempts."""
        conn.ensure_connection = partial(
            conn.ensure_connection,
            interval_start=_CONNECT_PAUSE_S,
            interval_step=_CONNECT_PAUSE_S,
            interval_max=_CONNECT_PAUSE_MAX_S,
        )
        return super().ensure_connected(conn)

    def on_connection_error_before_connected(self, exc: BaseException) -> None:
        """As Celery's."""
        refuse_missing_permission(exc)
        super().on_connection_error_before_connected(exc)
        _wait_if_full(exc)

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        """Forget the lost connection, also when closing it fails in its own way.

        kombu gives messages back as it closes, which needs a connection, and the object that could
        make one may be gone. The broker's visibility timeout and our sweep give them back anyway.
        """
        refuse_missing_permission(exc)
        if _is_of_a_message(exc):
            _log.error("message_dropped", reason=f"it is not of Celery's form: {exc!r}")
        elif not isinstance(exc, self._lost_by):
            self._note_odd(exc)
        try:
            with warnings.catch_warnings():
                # About a setting that will change its default, and that we have set.
                warnings.simplefilter("ignore", CPendingDeprecationWarning)
                super().on_connection_error_after_connected(exc)
        except Exception as closing:  # noqa: BLE001 - after any error, the next step is to connect
            _log.warning("lost_connection_not_closed", reason=repr(closing))
        _wait_if_full(exc)

    def _note_odd(self, exc: BaseException) -> None:
        """Each may be how a lost connection shows; one that comes again and again is not."""
        now = time.monotonic()
        self._odd_errors_at.append(now)
        if (
            len(self._odd_errors_at) == _DEFECTS
            and now - self._odd_errors_at[0] < _DEFECTS_WITHIN_S
        ):
            _log.error("loop_failed", exc_info=exc, fix=_REPORT)

    def on_decode_error(self, message: Any, exc: BaseException) -> None:  # noqa: ANN401 - kombu's
        """As `on_invalid_task`."""
        self.on_invalid_task(None, message, exc)

    def on_invalid_task(self, body: object, message: Any, exc: BaseException) -> None:  # noqa: ANN401
        """A message that is malformed or not JSON: its caller is told, its body is not shown."""
        headers = message.headers or {}
        if isinstance(body, Mapping) and "task" not in headers:
            # Celery's message protocol 1 names them there.
            headers = body
        job_id, task = headers.get("id"), headers.get("task")
        _log.error("message_dropped", job=job_id, task=task, reason=str(exc))
        message.reject()
        if job_id and isinstance(job_id, str) and task in {QUERY_TASK, UPDATE_TASK}:
            error = InvalidJob([f"the message must be Celery's, in JSON: {exc}"])
            self.app.backend.mark_as_failure(job_id, error)

    def takes_from(self, queue: str) -> bool:
        """Whether messages are taken from the queue; not while there is no connection."""
        return bool(self.task_consumer and self.task_consumer.consuming_from(queue))

    def register_with_event_loop(self, hub: Any) -> None:  # noqa: ANN401 - as Celery's
        """Also sends the tasks' events in bundles: Celery would send each three or four alone."""
        super().register_with_event_loop(hub)
        self.task_consumer.channel.threads = self.pool.threads
        if self.event_dispatcher:
            self.event_dispatcher.buffer_limit = _EVENTS_AT_ONCE
            hub.call_repeatedly(_EVENTS_EVERY_S, self._flush_events)

    def on_send_event_buffered(self) -> None:
        """Does nothing: events leave on a timer."""


def _is_of_a_message(exc: BaseException) -> bool:
    """kombu looks sockets up by their numbers, and does not find one whose connection is gone."""
    is_of_a_socket = isinstance(exc, KeyError) and isinstance(next(iter(exc.args), None), int)
    return isinstance(exc, ValueError | KeyError) and not is_of_a_socket


def _wait_if_full(exc: BaseException) -> None:
    if is_full(exc):
        log_refusal("consumer_refused", exc)
        time.sleep(_FULL_PAUSE_S)
