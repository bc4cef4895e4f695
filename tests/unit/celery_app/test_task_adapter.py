"""What Celery is made to do by a handler's decision, and what it is told of odd messages."""

from __future__ import annotations

from base64 import b64encode
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from celery import Celery
from celery.exceptions import Ignore, InvalidTaskError, Reject
from kombu.compression import compress

from revio_jobs import errors
from revio_jobs.contracts import UPDATE_TASK, UpdateJob
from revio_jobs.errors import InvalidJob
from revio_jobs.results import PROGRESS
from tasks.decision import Decision, Requeue, Retry, Skip
from tasks.ports import RawMessage
from worker.celery_app.task_adapter import (
    JobRequest,
    JobTask,
    PutOff,
    conclude,
    raw_message,
    read_job,
    show_progress,
)
from worker.queues.message_body import decode_body


class Running:
    """A task that runs the message "m"; what it does to Celery's state is noted."""

    def __init__(self, **request: Any) -> None:
        self.request = SimpleNamespace(id="m", get=request.get)
        self.retries: list[tuple[str, str]] = []
        self.states: list[dict[str, int]] = []
        self.backend = SimpleNamespace(mark_as_retry=self._mark_as_retry)

    def update_state(self, state: str, meta: dict[str, int]) -> None:
        assert state == PROGRESS
        self.states.append(meta)

    def _mark_as_retry(self, task_id: str, exc: Exception, request: Any) -> None:
        self.retries.append((task_id, str(exc)))


def concluded(task: Any, decision: Decision, job_id: str = "m") -> BaseException:
    with pytest.raises((Reject, Ignore)) as raised:
        conclude(task, decision, job_id=job_id, back_off=lambda *_: None)
    return raised.value


def test_an_attempt_that_failed_puts_the_message_off_and_counts() -> None:
    task = Running()
    raised = concluded(task, Retry(7.0, "no answer"))
    assert isinstance(raised, PutOff)
    assert (raised.seconds, raised.count, raised.requeue) == (7.0, True, True)
    assert task.retries == [("m", "no answer")]


def put_off_by_the_task(*, count: bool) -> None:
    raise PutOff(7.0, "not yet", count=count)


@pytest.mark.parametrize("count", [True, False])
def test_a_message_is_put_off_when_celery_hears_of_the_rejection(
    monkeypatch: pytest.MonkeyPatch, *, count: bool
) -> None:
    monkeypatch.setattr("celery.worker.request.Request.on_failure", lambda *_: None)
    put_off: list[Any] = []

    def note(tag: str, seconds: float, *, count: bool) -> None:
        put_off.append((tag, seconds, count))

    channel = SimpleNamespace(qos=SimpleNamespace(put_off=note))
    request = JobRequest.__new__(JobRequest)
    request._message = SimpleNamespace(channel=channel, delivery_tag="t")
    with pytest.raises(PutOff) as raised:
        put_off_by_the_task(count=count)
    # As Celery's tracer makes it.
    caught = (raised.type, raised.value, raised.tb)
    request.on_failure(ExceptionInfo(caught, internal=True))
    assert put_off == [("t", 7.0, count)]


def test_a_message_that_goes_back_to_the_front_is_not_put_off() -> None:
    raised = concluded(Running(), Requeue(60.0, "the day is spent"))
    assert isinstance(raised, Reject)
    assert raised.requeue
    assert not isinstance(raised, PutOff)


def test_a_raw_message_of_another_id_than_its_jobs_comes_again_until_the_job_has_ended() -> None:
    raised = concluded(Running(), Skip("another has it"), job_id="j")
    assert isinstance(raised, PutOff)
    assert not raised.count
    assert isinstance(concluded(Running(), Skip("another has it")), Ignore)


def test_the_ledger_keeps_a_raw_message_only_if_its_id_is_the_jobs() -> None:
    task: Any = Running(revio_place=7, revio_message="{}")
    assert raw_message(task, "m") == RawMessage(7, "{}")
    assert raw_message(task, "j") == RawMessage(7, "")


@pytest.mark.parametrize(
    "payload", [(None, {"id": 1}, {}), ([], None, {}), ([], {"id": 1}, None), (None, None, None)]
)
def test_null_in_a_message_is_read_as_empty(payload: Any) -> None:
    request = request_of(payload)
    args, kwargs, embed = payload
    assert request.body == (args or (), kwargs or {}, embed or {})
    assert request.content_type is None


def request_of(payload: Any, body: str | bytes = "", **headers: Any) -> JobRequest:
    message = SimpleNamespace(
        headers={"id": "m", "task": UPDATE_TASK, **headers},
        body=body,
        payload=payload,
        content_type="application/json",
        content_encoding="utf-8",
        delivery_info={},
        properties={},
    )
    app = Celery(set_as_current=False)

    def update(**_: Any) -> None: ...

    task = app.task(name=UPDATE_TASK, base=JobTask, shared=False)(update)
    return JobRequest(message, app=app, task=task)


@pytest.mark.parametrize("name", [None, "", 7, ["a"]])
def test_a_message_without_an_id_of_its_own_is_refused(name: object) -> None:
    with pytest.raises(InvalidTaskError, match="names one job"):
        request_of(([], {"id": 1}, {}), id=name)


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [
        ('{"id": 1, "rate": "12.50", "rate": "15"}', "rate"),
        ('{"id": 1, "expected": {"rate": "9", "rate": "9"}}', "rate"),
    ],
)
def test_a_name_that_a_message_has_twice_is_refused(kwargs: str, name: str) -> None:
    with pytest.raises(InvalidTaskError, match=f"{name} is there twice"):
        request_of(([], {"id": 1}, {}), f"[[], {kwargs}, {{}}]".encode())
    request_of(([], {"id": 1}, {}), '[[], {"id": 1, "expected": {"id": 1}}, {"chord": null}]')


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({}, "message protocol 1"),
        ({"task": UPDATE_TASK, "id": "m", "compression": "application/zstd"}, "use zlib"),
        ({"task": UPDATE_TASK, "id": "m", "eta": "2030-06-01T22:00"}, "eta .*add its offset"),
        ({"task": UPDATE_TASK, "id": "m", "expires": "2030-06-01"}, "expires .*add its offset"),
    ],
)
def test_a_form_that_readers_of_the_queues_do_not_know_is_refused(
    headers: dict[str, str], problem: str
) -> None:
    request = request_of(([], {"id": 1}, {}))
    message = request.message
    message.headers = headers
    with pytest.raises(InvalidTaskError, match=problem):
        JobRequest(message, app=request.app, task=request.task, headers={"id": "m", "task": "t"})


@pytest.mark.parametrize("time", ["2030-06-01T22:00:00+02:00", "2030-06-01T20:00Z", "", None])
def test_a_time_that_names_its_zone_is_taken(time: str | None) -> None:
    assert request_of(([], {"id": 1}, {}), eta=time, expires=time).id == "m"


@pytest.mark.parametrize("headers", [{"eta": 7}, {"eta": "soon"}, {"expires": [1]}])
def test_a_header_that_celery_does_not_foresee_is_refused_and_ends_no_consumer(
    headers: dict[str, Any],
) -> None:
    with pytest.raises(InvalidTaskError):
        request_of(([], {"id": 1}, {}), **headers)


@pytest.mark.parametrize("name", ["zlib", "gzip", "bzip2", "bzip", "lzma", "xz", "", None])
def test_a_compression_is_read_under_each_of_kombus_names(name: str | None) -> None:
    request = request_of(([], {"id": 1}, {}))
    message = request.message
    text = b'[[], {"id": 1}, {}]'
    body, kombus_name = compress(text, name) if name else (text, None)
    for header in (name, kombus_name):
        message.headers = {"task": UPDATE_TASK, "id": "m", "compression": header}
        JobRequest(message, app=request.app, task=request.task, headers=message.headers)
        sent = {"headers": message.headers, "body": b64encode(body).decode()}
        assert decode_body(sent) == [[], {"id": 1}, {}]


@pytest.mark.parametrize("limits", [[10, None], [None, 5]])
def test_a_time_limit_is_refused_since_a_thread_cannot_be_ended(limits: list[int | None]) -> None:
    for no_limit in ([None, None], [0, 0], [], None):
        assert read({}, timelimit=no_limit) is None
    with pytest.raises(InvalidJob, match=r"time_limit, soft_time_limit: .*leave them out"):
        read({}, timelimit=limits)


def test_a_state_is_not_kept_of_a_job_whose_result_is_ignored() -> None:
    task: Any = Running(ignore_result=True)
    concluded(task, Retry(7.0, "no answer"))
    assert task.retries == []
    show_progress(task, 1, 2)
    assert task.states == []
    shown: Any = Running()
    show_progress(shown, 1, 2)
    assert shown.states == [{"done": 1, "total": 2}]


@pytest.mark.parametrize(
    ("header", "shown"),
    [("portal", "{'id': 1} source=portal"), ("a\nb", "{'id': 1}"), (7, "{'id': 1}")],
)
def test_flower_shows_the_source_that_a_header_names(header: object, shown: str) -> None:
    request = request_of(([], {"id": 1}, {}), revio_source=header, kwargsrepr="{'id': 1}")
    assert request.kwargsrepr == shown


def read(kwargs: dict[str, Any], **headers: Any) -> str | None:
    task: Any = Running(**headers)
    task.name, task.request.delivery_info = UPDATE_TASK, {}
    with read_job(task, UpdateJob, (), {"id": 1, "rate": "1", **kwargs}) as (job, _):
        return job.source


def test_a_header_names_a_jobs_source_if_its_kwargs_do_not() -> None:
    assert read({}) is None
    assert read({}, revio_source="portal") == "portal"
    assert read({"source": "batch"}, revio_source="portal") == "batch"
    with pytest.raises(InvalidJob, match="source"):
        read({}, revio_source="a b")


@pytest.mark.parametrize(("account", "queue"), [({}, "acme"), ({"account": "acme"}, "default")])
def test_a_job_of_another_account_than_its_queues_is_refused_with_both_ways_out(
    account: dict[str, str], queue: str
) -> None:
    task: Any = Running()
    task.name = UPDATE_TASK
    task.request.delivery_info = {"routing_key": f"revio.{queue}.bulk"}
    other = account.get("account", "default")
    with (
        pytest.raises(InvalidJob, match=rf"account '{queue}', or send it to revio.{other}.bulk"),
        read_job(task, UpdateJob, (), {"id": 1, "rate": "1", **account}),
    ):
        pass


def errors_that_end_jobs() -> list[errors.RevioError]:
    return [
        errors.InvalidJob(["id: missing"]),
        errors.Rejected("P1", "no"),
        errors.Unreadable([]),
        errors.UnsupportedChange("no"),
        errors.IdempotencyConflict("default", "k", "j"),
        errors.Unauthorised("no"),
        errors.GuardRail(["zero"], "no"),
        errors.Withdrawn("no"),
        errors.Abandoned(8),
        errors.ResultExpired("j", "applied", 0),
        errors.Unavailable("503"),
        errors.OutcomeUnknown("?"),
    ]


def test_flower_shows_what_to_do_about_each_error_that_ends_a_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(
        "celery.worker.request.Request.on_failure",
        lambda _, exc_info, *args, **kwargs: shown.append(exc_info.traceback),
    )
    for error in errors_that_end_jobs():
        request_of(([], {"id": 1}, {})).on_failure(SimpleNamespace(exception=error))
    assert len({*shown}) == len(shown)
    assert all(line.startswith("What to do: ") for line in shown)
    # These never end a job: it waits, or nobody has it.
    waits = {
        *("Retryable", "Permanent", "Throttled", "QuotaExhausted"),
        *("ResultUnavailable", "Forgotten"),
    }
    known = {type(error).__name__ for error in errors_that_end_jobs()} | waits
    assert known == {kind.__name__ for kind in all_errors(errors.RevioError)}


def all_errors(base: type[errors.RevioError]) -> set[type[errors.RevioError]]:
    ours = [kind for kind in base.__subclasses__() if kind.__module__ == errors.__name__]
    return {*ours, *(error for kind in ours for error in all_errors(kind))}
