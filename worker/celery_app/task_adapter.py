"""Between Celery and the handlers: a message becomes a job, a decision becomes Celery's answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from billiard.einfo import ExceptionWithTraceback
from celery import Task
from celery.exceptions import Ignore, InvalidTaskError, Reject
from celery.utils.time import maybe_iso8601
from celery.worker import state
from celery.worker.request import Request

from revio_jobs.contracts import (
    UPDATE_TASK,
    Lane,
    QueryJob,
    UpdateJob,
    parse_queue_name,
    queue_name,
)
from revio_jobs.contracts.decode import decode
from revio_jobs.errors import InvalidJob, RevioError, Unavailable
from revio_jobs.results import PROGRESS
from tasks.alerts import alert_of
from tasks.decision import Decision, Done, Requeue, Retry, Skip
from tasks.ports import RawMessage
from worker.celery_app.advice import advice_on
from worker.celery_app.source_header import shown_source, source_kwarg
from worker.queues.message_body import COMPRESSIONS

_log = structlog.get_logger(__name__)

J = TypeVar("J", QueryJob, UpdateJob)

# A second message of a job that another worker runs comes again after this long.
_DUPLICATE_PAUSE_S = 2.0

_POSITIONAL = (
    "args: a job takes keyword arguments only; make a step of a chain immutable, so that it is not "
    "given the result of the one before: task.si(...), or signature(..., immutable=True)"
)
_TIME_LIMITS = (
    "time_limit, soft_time_limit: jobs are threads, which cannot be ended from outside; leave them "
    "out (a call ends by the worker's CALL_TIMEOUT_S), or let the message expire"
)
NOT_TERMINATED = "jobs are threads, which cannot be ended from outside: one that runs goes on"


_TIMES = ("eta", "expires")
REVOKED = "somebody revoked it; nothing was sent"
_EXPIRED = "it was not to be run so late; nothing was sent"


class PutOff(Reject):  # type: ignore[misc] # Celery is untyped
    """The message is to come again after `seconds`, as it is.

    Celery's own retry would publish a new message and hold it in a worker's memory until then. The
    original stays in Redis instead, with its id, headers, callbacks, chain and priority, and no
    kill loses it.

    `count`: an attempt was made, and the message comes to the front of its queue. One that only
    waits for a job of another message comes to the back: many of them at the front would keep
    workers busy with looking, and the messages that they wait for would never be taken.
    """

    def __init__(self, seconds: float, reason: str, *, count: bool) -> None:
        super().__init__(reason, requeue=True)
        self.seconds = seconds
        self.count = count


class JobRequest(Request):  # type: ignore[misc] # Celery is untyped
    """A message that a worker holds. Operators see its events in Flower."""

    def __init__(self, message: Any, **options: Any) -> None:  # noqa: ANN401 - as Celery's
        """As Celery's; other languages' clients send null where Python's send empty values."""
        headers = _without_empty_times(options.pop("headers", None) or message.headers)
        try:
            super().__init__(message, headers=headers, **options)
        except (AttributeError, TypeError, ValueError) as exc:
            # What Celery does not foresee would end the consumer, again and again.
            raise InvalidTaskError(f"a header is not as Celery has it: {exc}") from exc
        _refuse_other_forms(message.headers)
        if not (isinstance(self.id, str) and self.id):
            # Its result would have no place, and any two without an id would be one job.
            raise InvalidTaskError(f"id: {self.id!r} is not a text that names one job")
        _refuse_repeated_names(message.body)
        if source := shown_source(self.request_dict):
            self._kwargsrepr: str = f"{self.kwargsrepr} source={source}".lstrip()
        if not self._decoded and None in message.payload:
            args, kwargs, embed = message.payload
            self._body = (args or (), kwargs or {}, embed or {})
            self._content_type = self._content_encoding = None

    def revoked(self) -> bool:
        """As Celery's; but an update is handled all the same, since its end belongs in the ledger.

        The task finds why it is not wanted in its request, as `withdrawn`.
        """
        if self.type != UPDATE_TASK:
            return bool(super().revoked())
        if self.maybe_expire():
            self.request_dict["withdrawn"] = _EXPIRED
        elif self.id in state.revoked:
            self.request_dict["withdrawn"] = REVOKED
        return False

    def terminate(self, pool: Any, signal: Any = None) -> None:  # noqa: ANN401, ARG002 - as Celery's
        """Does nothing: a thread cannot be ended from outside."""
        _log.warning("job_not_terminated", job=self.id, reason=NOT_TERMINATED)

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """As Celery's, but an error that is an outcome is shown with what to do about it.

        Where we raised it, which Celery would show, helps nobody.
        """
        exc = exc_info.exception
        if isinstance(exc, ExceptionWithTraceback):
            # So does Celery pass on what a task raises to reject its message.
            exc = exc.exc
        if isinstance(exc, RevioError):
            exc_info.traceback = advice_on(exc, self.type)
        if isinstance(exc, PutOff):
            message = self.message
            message.channel.qos.put_off(message.delivery_tag, exc.seconds, count=exc.count)
        return super().on_failure(exc_info, *args, **kwargs)


def _without_empty_times(headers: Mapping[str, Any]) -> dict[str, Any]:
    """A client's empty text for no time would be none of Celery's."""
    return {n: None if n in _TIMES and value == "" else value for n, value in headers.items()}


def _refuse_other_forms(headers: Mapping[str, Any]) -> None:
    """Raises InvalidTaskError for what Celery takes, and the readers of queues would not see."""
    if "task" not in headers:
        raise InvalidTaskError(
            "it is of Celery's message protocol 1, whose attempts and place are not counted here: "
            "send protocol 2 (task_protocol = 2, the default since Celery 4)"
        )
    if (compression := headers.get("compression")) and compression not in COMPRESSIONS:
        raise InvalidTaskError(f"compression {compression}: use zlib, bzip2, lzma or none")
    for name in _TIMES:
        at = maybe_iso8601(headers.get(name))
        if at is not None and at.tzinfo is None:
            # Its sender's local time, to which Celery gives our zone.
            raise InvalidTaskError(
                f"{name} {at.isoformat()}: add its offset from UTC, as in +00:00"
            )


def _refuse_repeated_names(body: Any) -> None:  # noqa: ANN401 - as kombu has it
    """Raises InvalidTaskError for a name that is twice in one object.

    JSON leaves open which of its values counts: in Python the last one does.
    """
    try:
        json.loads(body, object_pairs_hook=_each_once)
    except (ValueError, TypeError, RecursionError):
        return  # kombu has decoded it, or says why not


def _each_once(members: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(members)
    if len(names) < len(members):
        repeated = next(name for name, count in Counter(n for n, _ in members).items() if count > 1)
        raise InvalidTaskError(f"{repeated} is there twice: which of its values is meant?")
    return names


class JobTask(Task):  # type: ignore[misc] # Celery is untyped
    """A task whose errors are outcomes: the caller gets them, the log no traceback."""

    Request = JobRequest
    throws = (RevioError,)
    max_retries = None


@contextmanager
def read_job(
    task: JobTask, kind: type[J], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Iterator[tuple[J, Lane]]:
    """The message's job and lane, with both bound to all log lines. Raises InvalidJob."""
    queue = _queue(task)
    lane = queue[1] if queue else Lane.INTERACTIVE
    with structlog.contextvars.bound_contextvars(job=task.request.id, task=task.name, lane=lane):
        fields = {**source_kwarg(task.request), **kwargs}
        job = _decode(kind, args, fields, queue, task.request.get("timelimit"))
        known = {"account": job.account, "idempotency_key": getattr(job, "idempotency_key", None)}
        if job.source:
            known["source"] = job.source
        with structlog.contextvars.bound_contextvars(**known):
            yield job, lane


def conclude(
    task: JobTask, decision: Decision, *, job_id: str, back_off: Callable[[float, str], None]
) -> Any:  # noqa: ANN401 - Celery's result
    """Return or raise what makes Celery do as the handler decided.

    `back_off` closes the lane here, for some seconds and a reason, before the message goes back to
    the front of its queue.
    """
    match decision:
        case Done():
            if error := decision.error:
                _log.info("job_failed", error=type(error).__name__, reason=str(error))
                # A query's error is an answer to its caller, and nobody has a letter of it.
                if task.name == UPDATE_TASK and (alert := alert_of(error)):
                    _log.error(alert.event, reason=str(error), fix=alert.fix)
                raise error
            _log.info("job_done")
            return decision.outcome["ok"]
        case Requeue(seconds, reason):
            _log.info("job_put_back", reason=reason)
            back_off(seconds, reason)
            raise Reject(reason, requeue=True)
        case Retry(seconds, reason):
            _log.info("job_retried", seconds=round(seconds, 1), reason=reason)
            if not task.request.get("ignore_result"):
                # Shown by Flower and to callers that ask for the state.
                error = Unavailable(reason)
                task.backend.mark_as_retry(task.request.id, error, request=task.request)
            raise PutOff(seconds, reason, count=True)
        case Skip(reason):
            _log.debug("job_stood_aside", reason=reason)
            if task.request.id != job_id:
                # The caller of this raw message waits under another id.
                raise PutOff(_DUPLICATE_PAUSE_S, reason, count=False)
            raise Ignore(reason)


def raw_message(task: JobTask, job_id: str) -> RawMessage:
    """What the ledger is to keep of the update's message, if that is how it hears of the job.

    A message whose id is not the job's waits for the job's end itself, so it is not kept.
    """
    request = task.request
    text = request.get("revio_message") if request.id == job_id else ""
    return RawMessage(request.get("revio_place"), text or "")


def show_progress(task: JobTask, done: int, total: int) -> None:
    """As the task's state, for callers and Flower.

    Not if the result is to be ignored: no later state would take its place.
    """
    if task.request.get("ignore_result"):
        return
    task.update_state(state=PROGRESS, meta={"done": done, "total": total})


def _decode(
    kind: type[J],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    queue: tuple[str, Lane] | None,
    time_limits: Iterable[object] | None,
) -> J:
    try:
        _refuse_positional(args)
        if any(time_limits or ()):  # 0 is none to Celery, too
            raise InvalidJob([_TIME_LIMITS])  # noqa: TRY301 - logged below, as all of these
        job = decode(kind, kwargs)
        _refuse_other_account(job, queue)
        return job  # noqa: TRY300
    except InvalidJob as exc:
        _log.warning("job_invalid", reason=str(exc))
        raise


def _refuse_positional(args: tuple[object, ...]) -> None:
    if args:
        raise InvalidJob([_POSITIONAL])


def _refuse_other_account(job: QueryJob | UpdateJob, queue: tuple[str, Lane] | None) -> None:
    """One of the two is a mistake: the change could be meant for a product of either account."""
    if queue and queue[0] != job.account:
        account, lane = queue
        problem = (
            f"account: {job.account!r} (default if omitted), but the message came by the queue "
            f"{queue_name(account, lane)}; name the account {account!r}, or send it to "
            f"{queue_name(job.account, lane)}"
        )
        raise InvalidJob([problem])


def _queue(task: JobTask) -> tuple[str, Lane] | None:
    """The account and lane of the message's queue."""
    info = task.request.delivery_info or {}
    return parse_queue_name(str(info.get("routing_key")))
