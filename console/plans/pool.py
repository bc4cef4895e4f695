"""Starts the processes that make plans, a few at a time, and ends those that take too long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import IO

import structlog

from console.plans.planning import FAILED
from console.plans.record import Outcome, Record

_COMMAND = (sys.executable, "-m", "console.plans.planning")
_WORDS = 400
_TOO_LONG = (
    "It took longer than {:g} seconds, and was ended. Split the list, or ask whoever runs the "
    "console for more time."
)
_FAULT = (
    "Planning broke off by a fault of the console, not of your list.\n"
    "Whoever runs the console finds why in its log, under plan {plan}. Plan it again once they "
    "have seen to it."
)
_NOT_STORED = (
    "Planning broke off, and the console cannot store why. Whoever runs the console finds it in "
    "its log, under plan {plan}. Reload this page once they have seen to it."
)
_log = structlog.get_logger()


def spawn(command: Sequence[str], *, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """In a session of its own: what ends the console by Ctrl-C does not end the planning."""
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


class PlanningPool:
    """Of one console. What it does not finish, the next one begins anew."""

    def __init__(self, planners: int, patience_s: float, command: Sequence[str] = _COMMAND) -> None:
        """`planners`: processes at a time. `patience_s`: for one plan."""
        self._pool = ThreadPoolExecutor(planners, thread_name_prefix="planning")
        self._patience_s = patience_s
        self._command = command
        self._lock = Lock()
        self._queued: set[str] = set()
        self._broken: set[str] = set()

    def plan(self, record: Record) -> None:
        """In its turn; nothing if it is waiting already."""
        name = str(record.directory)
        with self._lock:
            if name in self._queued:
                return
            self._queued.add(name)
            self._broken.discard(name)
        self._pool.submit(self._run, record)

    def trouble(self, record: Record) -> str:
        """Why its planning has ended without an outcome, and what to do; "" if it has not."""
        is_broken = str(record.directory) in self._broken
        return _NOT_STORED.format(plan=record.directory.name) if is_broken else ""

    def close(self) -> None:
        """Begin no other one; those under way go on by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, record: Record) -> None:
        try:
            if record.outcome is None:
                self._carry_out(record)
        except Exception as exc:  # noqa: BLE001 - nobody asks the thread; most often the disk is full
            why = f"{type(exc).__name__}: {exc}"
            _log.error("console_planning_failed", plan=record.directory.name, why=why, exc_info=exc)
            self._broken.add(str(record.directory))
        finally:
            with self._lock:
                self._queued.discard(str(record.directory))

    def _carry_out(self, record: Record) -> None:
        with record.file("planning.log").open("wb") as log:
            process = spawn([*self._command, str(record.directory)], output=log)
            try:
                code = process.wait(self._patience_s)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                _give_up(record, _TOO_LONG.format(self._patience_s), "it took too long")
                return
        if record.outcome is None:
            _give_up(record, _FAULT, _why(code, record))


def _give_up(record: Record, says: str, why: str) -> None:
    """The person is told what to do; the log has why."""
    _log.error("console_planning_failed", plan=record.directory.name, why=why)
    record.end(Outcome(FAILED, error=tuple(says.format(plan=record.directory.name).splitlines())))


def _why(code: int, record: Record) -> str:
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    lines = record.file("planning.log").read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f"its process failed: {last[:_WORDS]}"
