from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import structlog

from revio_jobs.errors import Unavailable
from tests.patience import PATIENCE_S
from worker.celery_app.feeder_thread import FeederThread, FeederThreads


class Feeder:
    """Answers its steps from a list, then has no run."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.ended = threading.Event()

    def step(self) -> Any:
        if not self.steps:
            self.ended.set()
            return []
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


class Events:
    def __init__(self) -> None:
        self.told: list[list[Any]] = []

    def tell(self, runs: Iterable[Any]) -> None:
        self.told.append(list(runs))


def test_a_thread_ends_when_no_run_is_left_and_tells_of_the_last_one() -> None:
    feeder, events = Feeder(["june"], ["june"]), Events()
    pauses: list[float] = []
    FeederThread(feeder, events, pauses.append).run()  # type: ignore[arg-type]
    assert events.told == [["june"], ["june"], []]
    assert pauses == [0.2, 0.2]


def test_neither_an_outage_nor_a_fault_ends_the_thread() -> None:
    feeder, pauses = Feeder(Unavailable("down"), ValueError("odd"), ["june"]), list[float]()
    FeederThread(feeder, Events(), pauses.append).run()  # type: ignore[arg-type]
    assert feeder.ended.is_set()
    assert pauses == [2.0, 0.2, 2.0, 0.2, 0.2]


def test_what_a_feeder_logs_names_its_account() -> None:
    bound: list[Any] = []

    class Noting(Feeder):
        def step(self) -> Any:
            bound.append(structlog.contextvars.get_contextvars())
            return super().step()

    feeder: Any = Noting()
    FeederThreads({"busy": feeder}, set, Events).start_missing()  # type: ignore[arg-type]
    assert feeder.ended.wait(PATIENCE_S)
    assert bound == [{"account": "busy"}]


def test_only_accounts_with_runs_have_a_thread_and_one_at_a_time() -> None:
    feeders = {"busy": Feeder(), "idle": Feeder()}
    asked: list[set[str]] = []

    def with_runs(accounts: Iterable[str]) -> set[str]:
        asked.append(set(accounts))
        return {"busy"} & asked[-1]

    threads = FeederThreads(feeders, with_runs, Events, clock=lambda: 0.0)  # type: ignore[arg-type]
    threads.start_missing()
    assert feeders["busy"].ended.wait(PATIENCE_S)
    threads.start_missing()
    assert asked == [{"busy", "idle"}, {"idle"}]
    assert not feeders["idle"].ended.is_set()
