"""Shows campaigns' runs in Flower, each as a task with its figures as arguments and result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from celery import Celery, states

from campaigns.run.state import RunState, Status

RUN_TASK = "revio.campaigns.run"
"""The name that Flower shows; no such message exists."""

_log = structlog.get_logger(__name__)

_EVERY_S = 2.0
_EVENTS = {
    Status.DONE: ("task-succeeded", states.SUCCESS),
    Status.CANCELLED: ("task-revoked", states.REVOKED),
}

Load = Callable[[str, str], RunState | None]


class RunEvents:
    """Sends events at most every two seconds, and when a run ends. A run's name is its task id."""

    def __init__(
        self,
        app: Celery,
        node: str,
        load: Load,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`node`: the worker's name; `load`: a run's state by account and name."""
        self._app = app
        self._node = node
        self._load = load
        self._clock = clock
        self._next_at = 0.0
        self._accounts: dict[str, str] = {}
        """The accounts of the runs that were fed here a moment ago, by run."""
        self._told: dict[str, dict[str, Any]] = {}

    def tell(self, runs: Iterable[RunState]) -> None:
        """`runs`: those that are fed here. Raises Unavailable."""
        current = {state.spec.run: state for state in runs}
        gone = [
            state
            for run, account in self._accounts.items()
            if run not in current and (state := self._load(account, run))
        ]
        self._accounts = {run: state.spec.account for run, state in current.items()}
        if not gone and self._clock() < self._next_at:
            return
        self._next_at = self._clock() + _EVERY_S
        changed = [
            state
            for state in (*current.values(), *gone)
            if self._told.get(state.spec.run) != summary(state)
        ]
        try:
            self._send(changed)
        except Exception as exc:  # noqa: BLE001 - this is for looking only: the run goes on
            _log.warning("run_events_failed", reason=repr(exc))
        self._told = {run: summary(state) for run, state in current.items()}

    def _send(self, runs: list[RunState]) -> None:
        if not runs:
            return
        with self._app.connection_for_write() as connection:
            dispatcher = self._app.events.Dispatcher(connection, hostname=self._node)
            for state in runs:
                figures = summary(state)
                event, result_state = _EVENTS.get(state.status, ("task-started", states.STARTED))
                run = state.spec.run
                # Sent each time, since Flower takes a task's arguments from this event alone.
                dispatcher.send(
                    "task-received",
                    uuid=run,
                    name=RUN_TASK,
                    args=summary_line(figures),
                    kwargs="{}",
                )
                dispatcher.send(event, uuid=run, result=summary_line(figures), runtime=0)
                self._app.backend.store_result(run, figures, result_state)
            dispatcher.close()


def summary(state: RunState) -> dict[str, Any]:
    """The run in figures, as JSON values."""
    return {
        "run": state.spec.run,
        "status": state.status.value,
        "reason": state.reason,
        "rows": state.spec.rows,
        "ended": sum(state.counts.values()),
        **{name: count for name, count in state.counts.items() if count},
    }


def summary_line(figures: dict[str, Any]) -> str:
    """The run in one line."""
    outcomes = [f"{name}={value}" for name, value in list(figures.items())[5:]]
    head = f"{figures['status']} {figures['ended']}/{figures['rows']}"
    return " ".join([head, *outcomes])
