"""Ends a worker that was told to stop, even if Redis does not answer.

Celery's orderly end talks to Redis at many places: it cancels consumers, gives messages back,
closes channels. A Redis that is down or frozen holds each of them up for a socket's timeout or a
retry, and together they took minutes. What was not given back is taken over by others, so nothing
is lost by leaving without it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection

import structlog
from celery.worker import state

from worker.celery_app.loop_stack import loop_stack

_log = structlog.get_logger(__name__)

_CHECKED_EVERY_S = 0.5


class StopDeadline:
    """Leaves the process when it has been idle for `grace_s` after it was told to stop."""

    def __init__(
        self,
        grace_s: float,
        *,
        active: Collection[object] = state.active_requests,
        leave: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._grace_s = grace_s
        self._active = active
        self._leave = leave
        self._clock = clock
        self._sleep = sleep

    def start(self) -> None:
        """Called when the worker is told to stop."""
        threading.Thread(target=self.watch, name="stop-deadline", daemon=True).start()

    def watch(self) -> None:
        """Wait until the worker has been idle for long enough, and leave."""
        idle_since = self._clock()
        while self._clock() - idle_since < self._grace_s:
            self._sleep(_CHECKED_EVERY_S)
            if self._active:
                idle_since = self._clock()
        _log.warning("stopped_at_deadline", seconds=self._grace_s, at=loop_stack())
        self._leave(0)
