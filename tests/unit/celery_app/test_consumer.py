"""How Celery's consumer finds back to Redis."""

from __future__ import annotations

from collections import deque

import pytest
from celery import Celery
from kombu import Connection
from structlog.testing import capture_logs

from worker.celery_app.consumer import ReconnectingConsumer

NOBODY = "redis://127.0.0.1:1/0"
ATTEMPTS = 12
MOST_S = 3.0


class _EnoughError(Exception):
    pass


def test_it_tries_every_few_seconds_however_long_redis_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer = object.__new__(ReconnectingConsumer)
    consumer.first_connection_attempt = True
    consumer.broker_connection_retry_attempt = 0
    slept: list[float] = [0.0]

    def attempt(self: Connection) -> None:
        if len(slept) > ATTEMPTS:
            raise _EnoughError
        slept.append(0.0)
        raise ConnectionRefusedError

    def sleep(seconds: float) -> None:
        slept[-1] += seconds

    monkeypatch.setattr(Connection, "_connection_factory", attempt)
    monkeypatch.setattr("kombu.utils.functional.sleep", sleep)
    with Celery(broker=NOBODY, set_as_current=False) as app, Connection(NOBODY) as connection:
        app.conf.update(broker_connection_retry_on_startup=True, broker_connection_max_retries=None)
        consumer.app = app
        with pytest.raises(_EnoughError):
            consumer.ensure_connected(connection)
    assert len(slept) == ATTEMPTS + 1
    assert 0 < max(slept) <= MOST_S


@pytest.mark.parametrize(
    ("error", "is_loud"),
    [
        (TypeError("a defect"), True),
        (ConnectionRefusedError("Redis is away"), False),
        (KeyError(17), False),
    ],
    ids=["defect", "outage", "socket that is gone"],
)
def test_a_defect_that_ends_the_loop_again_and_again_is_loud(
    error: Exception, *, is_loud: bool
) -> None:
    consumer = object.__new__(ReconnectingConsumer)
    consumer._lost_by = (OSError, KeyError)  # as kombu's
    consumer._odd_errors_at = deque(maxlen=5)
    with capture_logs() as logs:
        for _ in range(5):
            consumer.on_connection_error_after_connected(error)
    loud = [log for log in logs if log["log_level"] == "error"]
    assert [(log["event"], log["exc_info"]) for log in loud] == (
        [("loop_failed", error)] if is_loud else []
    )
