"""What Flower hears of campaigns' runs, by Celery's own model of the events."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from celery.events.state import State

from campaigns.run.spec import RunSpec
from campaigns.run.state import Phase, RunState, Status
from worker.celery_app.run_events import RUN_TASK, RunEvents

RUN = "june-1272f3758e"
BEGUN = RunState(
    RunSpec(run=RUN, account="default", name="june", digest="", rows=4, stages=(4,)),
    status=Status.RUNNING,
    reason="",
    rate=None,
    weight=1,
    phase=next(iter(Phase)),
    stage=0,
    cursor=0,
    checked=0,
)
ENDED = replace(BEGUN, status=Status.DONE, counts={"applied": 4})


class Flower:
    """Of a Celery app, what the events are sent through; they arrive in Celery's model."""

    def __init__(self) -> None:
        self.state = State()
        self.events = self.backend = self
        self.results: dict[str, str] = {}
        self._clock = 0

    @contextmanager
    def connection_for_write(self) -> Any:
        yield None

    def Dispatcher(self, _connection: None, hostname: str) -> Flower:  # noqa: N802 - as Celery's
        self.hostname = hostname
        return self

    def send(self, kind: str, **fields: Any) -> None:
        self._clock += 1
        event = {"type": kind, "hostname": self.hostname, "clock": self._clock, **fields}
        now = time.time()
        self.state.event({"timestamp": now, "local_received": now, "pid": 1, **event})

    def close(self) -> None:
        pass

    def store_result(self, run: str, _figures: object, state: str) -> None:
        self.results[run] = state

    def shows(self) -> tuple[str, str, str]:
        task = self.state.tasks[RUN]
        return task.name, task.args, task.state


def test_a_run_that_ends_shows_its_last_figures_among_its_arguments() -> None:
    flower = Flower()
    events = RunEvents(flower, "bulk@here", load=lambda _account, _run: ENDED)  # type: ignore[arg-type]
    events.tell([BEGUN])
    assert flower.shows() == (RUN_TASK, "running 0/4", "STARTED")
    events.tell([])
    assert flower.shows() == (RUN_TASK, "done 4/4 applied=4", "SUCCESS")
    assert flower.results == {RUN: "SUCCESS"}
