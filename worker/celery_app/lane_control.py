"""Opens and closes a worker's lanes: while no call may go out, jobs stay in Redis, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from revio_jobs.contracts import Lane, queue_name
from worker.limiter import LanePauses, Limiter

_log = structlog.get_logger(__name__)

Where = tuple[str, Lane]

# A call that must wait no longer than this may as well wait in the worker.
_SHORT_WAIT_S = 3.0
# A lane that one job found closed is looked at again after so long at the latest.
_LONGEST_REST_S = 30.0
_STOPPED_WITHIN_S = 2.0


class Consumer(Protocol):
    """Of Celery's consumer, what decides from which queues messages are taken."""

    def call_soon(self, function: Callable[[str], None], queue: str) -> object:
        """Run it in the consumer's own thread."""

    def add_task_queue(self, queue: str) -> None:
        """Take messages from the queue."""

    def cancel_task_queue(self, queue: str) -> None:
        """Take no more messages from the queue."""


@dataclass(frozen=True, slots=True)
class _Closure:
    reason: str
    until: float = 0.0
    """On our own clock."""


class Gatekeeper:
    """One for a worker process.

    Gates are derived anew each second, so that no dead process keeps one shut.
    """

    def __init__(
        self,
        consumer: Consumer,
        lanes: Iterable[Where],
        limiter: Limiter,
        pauses: LanePauses,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer
        self._limiter = limiter
        self._pauses = pauses
        self._clock = clock
        self._closed: dict[Where, str] = {}
        self._resting: dict[Where, _Closure] = {}
        self._lanes = tuple(lanes)
        self._lock = threading.Lock()

    @property
    def closed(self) -> Mapping[Where, str]:
        """The closed lanes and why."""
        return dict(self._closed)

    def look(self) -> None:
        """Open or close each lane as things are now. Raises Unavailable."""
        for where in self._lanes:
            reason = self._reason(where)
            with self._lock:
                self._set(where, reason)
            if reason is None:
                self._consumer.call_soon(self._apply, queue_name(*where))

    def rest(self, account: str, lane: Lane, seconds: float, reason: str) -> None:
        """A job found that no call may go out for so long. Returns when no more messages come."""
        where = (account, lane)
        if where not in self._lanes:
            return
        until = self._clock() + min(seconds, _LONGEST_REST_S)
        with self._lock:
            self._resting[where] = _Closure(reason, until)
            stopped = self._set(where, reason)
        if stopped:
            stopped.wait(_STOPPED_WITHIN_S)

    def _reason(self, where: Where) -> str | None:
        if pause := self._pauses.get(*where):
            return f"paused by {pause.by}: {pause.reason}"
        refused = self._limiter.closed(*where)
        if refused and refused.wait_s > _SHORT_WAIT_S:
            return f"no calls for {refused.wait_s:.0f} s ({refused.bound})"
        resting = self._resting.get(where)
        return resting.reason if resting and resting.until > self._clock() else None

    def _set(self, where: Where, reason: str | None) -> threading.Event | None:
        account, lane = where
        was, queue = self._closed.get(where), queue_name(account, lane)
        if reason is None:
            if was is not None:
                del self._closed[where]
                _log.info("lane_opened", account=account, lane=lane.value)
            return None
        self._closed[where] = reason
        if was is not None:
            return None
        stopped = threading.Event()

        def stop(name: str) -> None:
            self._apply(name)
            stopped.set()

        self._consumer.call_soon(stop, queue)
        _log.info("lane_closed", account=account, lane=lane.value, reason=reason)
        return stopped

    def _apply(self, queue: str) -> None:
        """As the lane is by now: Celery runs what was called soon in any order, and late or never
        while Redis is away.
        """
        if any(queue_name(*where) == queue for where in self._closed.copy()):
            self._consumer.cancel_task_queue(queue)
        else:
            self._consumer.add_task_queue(queue)
