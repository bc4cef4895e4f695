"""Ends of jobs that need a person are events of level error, once each; all others are quiet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport
from sentry_sdk.types import Event

from revio_jobs import errors
from revio_jobs.contracts import QUERY_TASK, UPDATE_TASK
from tasks.alerts import ALERTS, alert_of
from tasks.decision import Done
from tests.sentry_client import sentry_client
from worker.celery_app.advice import advice_on
from worker.celery_app.logs import configure_logs
from worker.celery_app.task_adapter import JobTask, conclude
from worker.redis_kit.refusal_log import log_refusal
from worker.redis_kit.scripts import fail_closed

ENDS = [
    errors.OutcomeUnknown("nobody knows"),
    errors.Abandoned(8),
    errors.Unavailable("no answer"),
    errors.Unauthorised("refused"),
    errors.Rejected("E7", "no such rate"),
    errors.InvalidJob(["id: required"]),
    errors.UnsupportedChange("clear"),
    errors.Withdrawn("cancelled"),
]


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """What a handler of level error receives, such as that of an error tracker."""
    kept: list[logging.LogRecord] = []
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs("INFO", "json")
    handler = logging.Handler(logging.ERROR)
    handler.emit = kept.append  # type: ignore[method-assign]
    root.addHandler(handler)
    yield kept
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_the_end_of_a_job_is_loud_only_if_somebody_is_needed(
    error: errors.RevioError,
    records: list[logging.LogRecord],
    capsys: pytest.CaptureFixture[str],
) -> None:
    task: Any = SimpleNamespace(name=UPDATE_TASK, request=SimpleNamespace(id="m"))
    outcome = {"error": {"type": type(error).__name__, "args": list(error.args)}}
    with pytest.raises(type(error)):
        conclude(task, Done(outcome), job_id="m", back_off=lambda *_: None)
    alert = ALERTS.get(type(error))
    assert [record.msg["event"] for record in records] == ([alert.event] if alert else [])  # type: ignore[index]
    assert "Traceback" not in capsys.readouterr().err


def test_a_query_that_the_vendor_fails_is_answered_to_its_caller_and_wakes_nobody(
    records: list[logging.LogRecord],
) -> None:
    task: Any = SimpleNamespace(name=QUERY_TASK, request=SimpleNamespace(id="m"))
    outcome = {"error": {"type": "Unavailable", "args": ["503"]}}
    with pytest.raises(errors.Unavailable):
        conclude(task, Done(outcome), job_id="m", back_off=lambda *_: None)
    assert records == []
    assert "revio dead" not in advice_on(errors.Unavailable("503"), QUERY_TASK)
    assert "revio dead retry" in advice_on(errors.Unavailable("503"), UPDATE_TASK)


class SentToSentry(Transport):
    """Keeps what would be sent."""

    events: ClassVar[list[Event]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events += [event for item in envelope.items if (event := item.get_event())]


@pytest.fixture
def sent() -> Iterator[list[Event]]:
    SentToSentry.events.clear()
    with sentry_client(SentToSentry, LoggingIntegration()):
        yield SentToSentry.events


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_sentry_groups_by_kind_under_a_title_that_says_what_to_do(
    error: errors.RevioError, sent: list[Event]
) -> None:
    outcome = {"error": {"type": type(error).__name__, "args": list(error.args)}}
    for job in ("m", "n"):
        task: Any = SimpleNamespace(name=UPDATE_TASK, request=SimpleNamespace(id=job))
        with pytest.raises(type(error)), structlog.contextvars.bound_contextvars(job=job):
            conclude(task, Done(outcome), job_id=job, back_off=lambda *_: None)
    alert = ALERTS.get(type(error))
    # It groups by the message, unless there is an exception or a fingerprint.
    titles = [event["logentry"]["message"] for event in sent]
    assert titles == ([f"{alert.event}: {alert.fix}"] * 2 if alert else [])
    for event, job in zip(sent, ("m", "n"), strict=bool(alert)):
        assert not event.keys() & {"exception", "fingerprint"}
        assert event["extra"]["revio"] == {"job": job, "reason": str(error), "fix": alert.fix}  # type: ignore[union-attr]


REFUSALS = {
    "OOM command not allowed when used memory > 'maxmemory'": ("redis_is_full", "maxmemory"),
    "NOPERM this user has no permissions to run 'evalsha'": ("sweep_failed", "users.acl"),
    "MISCONF Redis is configured to save RDB snapshots": ("sweep_failed", "its disk"),
    "WRONGTYPE Operation against a key holding the wrong kind": ("sweep_failed", "report it"),
    "Error running script: attempt to index a nil value": ("sweep_failed", "report it"),
}


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_redis_refuses_until_somebody_acts_is_loud_once_a_minute(
    refusal: str, sent: list[Event]
) -> None:
    event, fix = REFUSALS[refusal]
    for _ in range(3):
        try:
            with fail_closed("the ledger"):
                raise ResponseError(refusal)
        except errors.Unavailable as exc:
            log_refusal("sweep_failed", exc)
    [title] = [event["logentry"]["message"] for event in sent]
    assert title.startswith(f"{event}: ")
    assert fix in title


@pytest.mark.parametrize(
    "passing",
    [
        RedisConnectionError("refused"),
        ReadOnlyError("a read only replica"),
        ResponseError("BUSY"),
        ResponseError("NOSCRIPT No matching script"),
    ],
    ids=str,
)
def test_a_redis_that_comes_back_by_itself_wakes_nobody(
    passing: RedisError, records: list[logging.LogRecord]
) -> None:
    log_refusal("sweep_failed", errors.Unavailable("the books"))
    log_refusal("sweep_failed", passing)
    assert records == []


def test_celery_and_so_an_error_tracker_takes_no_end_of_a_job_for_a_defect() -> None:
    assert all(isinstance(error, JobTask.throws) for error in ENDS)


def test_an_error_that_is_not_an_end_of_ours_wakes_nobody_by_itself() -> None:
    assert alert_of(ValueError("defect")) is None
