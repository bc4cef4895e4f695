"""Every error reaches the caller with its fields, whatever way it takes."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator

import pytest
from celery import Celery

from revio_jobs import errors
from revio_jobs.errors import RevioError, revive
from tasks.decision import failed

EXAMPLES: list[RevioError] = [
    errors.RevioError("something"),
    errors.Retryable("later"),
    errors.Throttled(12.5, "minute"),
    errors.QuotaExhausted(1_800_000_000.0),
    errors.Unavailable("no answer"),
    errors.ResultUnavailable("Redis cannot be reached: Connection refused"),
    errors.Permanent("never"),
    errors.InvalidJob(["rate: 1.5 is not allowed", "id: required"]),
    errors.Rejected("S2005", "Grüße aus \U0001f600"),
    errors.Rejected(None, "no code was given"),
    errors.Unreadable([{"customer_product_id": 5003, "problem": "rate holds no number"}]),
    errors.Unauthorised("the key was refused"),
    errors.IdempotencyConflict("default", "order-4711", "3d87c184"),
    errors.UnsupportedChange("the schema cannot leave Quantity out"),
    errors.GuardRail(["cap", "below_cost"], "rate 99999.00 is above 10000"),
    errors.Withdrawn("run june-1a2b is paused"),
    errors.Abandoned(8),
    errors.ResultExpired("3d87c184", "applied", 1_800_000_000.0),
    errors.Forgotten("3d87c184"),
    errors.OutcomeUnknown("sent and not answered"),
]
each_error = pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)


def tree(kind: type[RevioError] = RevioError) -> Iterator[type[RevioError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def assert_same(arrived: object, error: RevioError) -> None:
    assert type(arrived) is type(error)
    assert vars(arrived) == vars(error)
    assert arrived.args == error.args  # type: ignore[attr-defined]
    assert str(arrived) == str(error)


def test_no_class_of_the_tree_is_forgotten_here() -> None:
    assert {type(error) for error in EXAMPLES} == set(tree())


@pytest.mark.parametrize(
    ("kind", "branch"),
    [
        (errors.Throttled, errors.Retryable),
        (errors.QuotaExhausted, errors.Retryable),
        (errors.Unavailable, errors.Retryable),
        (errors.ResultUnavailable, errors.Unavailable),
        (errors.InvalidJob, errors.Permanent),
        (errors.Rejected, errors.Permanent),
        (errors.Unreadable, errors.Permanent),
        (errors.Unauthorised, errors.Permanent),
        (errors.IdempotencyConflict, errors.Permanent),
        (errors.UnsupportedChange, errors.Permanent),
        (errors.ResultExpired, errors.Permanent),
        (errors.Forgotten, errors.Permanent),
        (errors.OutcomeUnknown, RevioError),
    ],
)
def test_the_tree_says_what_to_do_now(kind: type[RevioError], branch: type[RevioError]) -> None:
    assert kind.__bases__ == (branch,)


@each_error
def test_an_error_survives_celerys_json_backend(error: RevioError) -> None:
    app = Celery(backend="cache+memory://", set_as_current=False)
    app.conf.result_serializer = "json"
    backend = app.backend
    carried = backend.decode(backend.encode(backend.prepare_exception(error)))
    assert_same(backend.exception_to_python(carried), error)


@each_error
def test_an_error_survives_pickle(error: RevioError) -> None:
    assert_same(pickle.loads(pickle.dumps(error)), error)


@each_error
def test_an_error_survives_the_ledger(error: RevioError) -> None:
    stored = json.loads(json.dumps(failed(error).outcome))["error"]
    assert_same(revive(stored["type"], stored["args"]), error)


@each_error
def test_an_error_says_something(error: RevioError) -> None:
    assert str(error).strip()


def test_an_error_of_a_newer_worker_is_an_error_all_the_same() -> None:
    error = revive("Overheated", ["too hot", 90])
    assert type(error) is RevioError
    assert error.args == ("Overheated", "too hot", 90)


def test_an_error_with_fields_that_a_newer_worker_added_is_an_error_all_the_same() -> None:
    error = revive("QuotaExhausted", [1.0, "since Tuesday", "and more"])
    assert error.args == ("QuotaExhausted", 1.0, "since Tuesday", "and more")
