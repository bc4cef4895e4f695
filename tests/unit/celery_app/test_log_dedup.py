from __future__ import annotations

import logging
from typing import Any, get_args

import pytest

from worker.celery_app.log_dedup import LogDedup, Round

LOST = "consumer: Connection to broker lost. Trying to re-establish the connection..."
CONNECTED = "Connected to redis://127.0.0.1:6379/0"


class Log:
    def __init__(self) -> None:
        self.now = 0.0
        self._filter = LogDedup(lambda: self.now)

    def shows(self, said: Any) -> bool:
        return self._filter.filter(
            logging.LogRecord("celery.worker", logging.WARNING, "", 0, said, None, None)
        )


def test_the_same_trouble_is_told_once_a_minute() -> None:
    log = Log()
    told = []
    for log.now in range(130):
        again = f"Trying again in {log.now} seconds... ({log.now}/100)"
        told.append(log.shows(f"consumer: Cannot connect to redis://x: refused. {again}"))
    assert [at for at, entry in enumerate(told) if entry] == [0, 60, 120]


def test_a_reconnection_is_told_if_the_loss_was() -> None:
    log = Log()
    text = [CONNECTED, LOST, CONNECTED, LOST, CONNECTED]
    assert [log.shows(line) for line in text] == [True, True, True, False, False]
    log.now = 61.0
    assert [log.shows(entry) for entry in (LOST, CONNECTED)] == [True, True]


def test_another_trouble_and_everything_else_is_told_each_time() -> None:
    log = Log()
    events = [{"event": "sweep_failed", "reason": name} for name in ("away", "full", "away")]
    assert [log.shows(event) for event in events] == [True, True, False]
    for _ in range(3):
        assert log.shows({"event": "job_invalid", "reason": "no rate"})
        assert log.shows("Received and deleted unknown message.")


def test_a_defect_of_another_account_is_another_trouble_and_an_outage_is_not() -> None:
    log = Log()
    accounts = ("east1", "east2", "east1")
    defect = {"event": "campaigns_failed", "exc_info": True}
    assert [log.shows(defect | {"account": name}) for name in accounts] == [True, True, False]
    outage = {"event": "campaigns_failed", "reason": "Redis is away"}
    assert [log.shows(outage | {"account": name}) for name in accounts] == [True, False, False]


@pytest.mark.parametrize("name", get_args(Round))
def test_a_round_that_fails_is_told_once_a_minute(name: str) -> None:
    log = Log()
    event = {"event": f"{name}_failed", "reason": "Redis is away"}
    assert [log.shows(event) for log.now in (0.0, 5.0, 59.0, 60.0)] == [True, False, False, True]
