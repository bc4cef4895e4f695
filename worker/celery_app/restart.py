"""SIGHUP, at which Celery ends a worker that has no terminal and starts it anew in its place."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from worker.celery_app.stop_deadline import StopDeadline


def make_restartable(argv: list[str]) -> None:
    """Change the process's arguments to what Python can be started with again.

    Celery takes `sys.argv`, where `python -m celery` and `celery multi` leave the path of a file
    that runs only as a module: the worker would end, and not come back.
    """
    if Path(argv[0]).parts[-2:] == ("celery", "__main__.py"):
        argv[:1] = ["-m", "celery"]


def restart_by_deadline(grace_s: float) -> None:
    """Start the worker anew `grace_s` after a SIGHUP, even if Redis does not let it end.

    Celery tells nobody of a SIGHUP, as it does of a SIGTERM, so its handler is wrapped.
    """
    celerys = signal.getsignal(signal.SIGHUP)
    if not callable(celerys) or celerys.__name__ != "restart_worker_sig_handler":
        return  # on a terminal, or on macOS, Celery does not restart

    def restart(number: int, frame: FrameType | None) -> None:
        celerys(number, frame)
        StopDeadline(grace_s, leave=_start_anew).start()

    signal.signal(signal.SIGHUP, restart)


def _start_anew(_: int) -> None:
    os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - our own command
