"""Opens and closes a worker's lanes: while no call may go out, jobs stay in Redis, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from revio_jobs.contracts import Lane, queue_name
from revio_jobs.errors import Unavailable
from worker.celery_app.lane_activity import LaneActivity
from worker.celery_app.loop_stack import loop_stack
from worker.limiter import LaneClosure, LaneClosures
from worker.limiter.port import AccountLane

_log = structlog.get_logger(__name__)

# A lane that a job found closed is checked again after this long at the latest.
_LONGEST_BACKOFF_S = 30.0
_STOPPED_WITHIN_S = 2.0
# Updates, one a second. A loop that has not turned for so many, while Redis answers us, takes no
# messages any more. Seconds would count those in which the whole process was stopped.
_STANDS_STILL_UPDATES = 60


class Consumer(Protocol):
    """The part of Celery's consumer that decides from which queues messages are taken."""

    def call_soon(self, function: Callable[..., None], *args: str) -> object:
        """Run it in the consumer's own thread."""

    def takes_from(self, queue: str) -> bool:
        """Whether messages are taken from the queue."""

    def add_task_queue(self, queue: str) -> None:
        """Take messages from the queue."""

    def cancel_task_queue(self, queue: str) -> None:
        """Take no more messages from the queue."""


@dataclass(frozen=True, slots=True)
class _Backoff:
    """What a job of this worker found; other workers learn of it from the limits."""

    reason: str
    until: float
    """On our own clock."""


class LaneControl:
    """One per worker process.

    Each lane's state is recomputed every second, so that no dead process keeps a lane closed.
    """

    def __init__(
        self,
        consumer: Consumer,
        lanes: Iterable[AccountLane],
        closures: LaneClosures,
        activity: LaneActivity,
        clock: Callable[[], float] = time.monotonic,
        *,
        is_ending: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_ending`: whether the worker was told to stop, so that its loop turns no more."""
        self._consumer = consumer
        self._closures = closures
        self._activity = activity
        self._clock = clock
        self._is_ending = is_ending
        self._closed: dict[AccountLane, str] = {}
        self._backoffs: dict[AccountLane, _Backoff] = {}
        self._lanes = frozenset(lanes)
        self._unanswered = 0
        """How often the consumer's loop was asked for what it has not done yet."""
        self._lock = threading.Lock()

    @property
    def lanes(self) -> frozenset[AccountLane]:
        """The lanes that this worker serves, open or not."""
        return self._lanes

    @property
    def serving(self) -> frozenset[AccountLane]:
        """The same, but none when the loop that takes messages ends or stands still."""
        return frozenset() if self._is_ending() or self.stands_still else self._lanes

    @property
    def stands_still(self) -> bool:
        """Whether the loop does not turn any more, and has not been told to end.

        Other threads, and so the process's reports, go on when it hangs on a broken connection.
        """
        return not self._is_ending() and self._unanswered > _STANDS_STILL_UPDATES

    @property
    def closed(self) -> Mapping[AccountLane, str]:
        """The closed lanes and why."""
        return dict(self._closed)

    def add(self, account: str, lane: Lane) -> None:
        """Take the lane's messages from now on, while it is open."""
        self._change(self._lanes | {(account, lane)}, account, lane)

    def remove(self, account: str, lane: Lane) -> None:
        """Take no more of the lane's messages, whether it is open or not."""
        self._change(self._lanes - {(account, lane)}, account, lane)

    def _change(self, lanes: frozenset[AccountLane], account: str, lane: Lane) -> None:
        with self._lock:
            self._lanes = lanes
            self._closed.pop((account, lane), None)
        self._consumer.call_soon(self._apply, queue_name(account, lane))

    def update(self) -> None:
        """Open or close each lane as things are now. Raises Unavailable.

        A lane that is not used is looked at for operators' pauses alone: a limit that closes it is
        found by its first job.
        """
        lanes, recent = self._lanes, self._activity.queues
        used = [
            account_lane
            for account_lane in lanes
            if account_lane in self._closed or queue_name(*account_lane) in recent
        ]
        try:
            closures = self._closures.among(lanes, used)
        except Unavailable:
            # While Redis is away the loop does nothing else than wait for it.
            self._unanswered = 0
            raise
        for account_lane in {*used, *closures}:
            reason = self._reason(account_lane, closures.get(account_lane))
            with self._lock:
                self._set(account_lane, reason)
        stood_still = self.stands_still
        self._unanswered += 1
        if self.stands_still and not stood_still:
            _log.error("loop_stands_still", at=loop_stack(), fix="restart the worker")
        self._consumer.call_soon(self._apply_all)

    def back_off(self, account: str, lane: Lane, seconds: float, reason: str) -> None:
        """Close the lane here for `seconds`, at most 30: a job found that no call may go out.

        Returns when the worker takes no more of the lane's messages, or after 2 s: the job's own
        message can then go back to the front of its queue without being taken again at once.
        """
        account_lane = (account, lane)
        if account_lane not in self._lanes:
            return
        until = self._clock() + min(seconds, _LONGEST_BACKOFF_S)
        with self._lock:
            self._backoffs[account_lane] = _Backoff(reason, until)
            stopped = self._set(account_lane, reason)
        if stopped:
            stopped.wait(_STOPPED_WITHIN_S)

    def _reason(self, account_lane: AccountLane, closure: LaneClosure | None) -> str | None:
        if closure:
            return str(closure)
        backoff = self._backoffs.get(account_lane)
        return backoff.reason if backoff and backoff.until > self._clock() else None

    def _set(self, account_lane: AccountLane, reason: str | None) -> threading.Event | None:
        account, lane = account_lane
        was, queue = self._closed.get(account_lane), queue_name(account, lane)
        if reason is None:
            if was is not None:
                del self._closed[account_lane]
                _log.info("lane_opened", account=account, lane=lane.value)
            return None
        self._closed[account_lane] = reason
        if was is not None:
            return None
        stopped = threading.Event()

        def stop(name: str) -> None:
            self._apply(name)
            stopped.set()

        self._consumer.call_soon(stop, queue)
        _log.info("lane_closed", account=account, lane=lane.value, reason=reason)
        return stopped

    def _apply_all(self) -> None:
        self._unanswered = 0
        is_open = {
            queue_name(*account_lane): account_lane not in self._closed
            for account_lane in self._lanes
        }
        for queue, is_wanted in is_open.items():
            if self._consumer.takes_from(queue) != is_wanted:
                self._apply(queue)

    def _apply(self, queue: str) -> None:
        """As the lane is by now: Celery runs what was called soon in any order, and late or never
        while Redis is away.
        """
        if any(
            queue_name(*account_lane) == queue for account_lane in self._lanes - self._closed.keys()
        ):
            self._consumer.add_task_queue(queue)
        else:
            self._consumer.cancel_task_queue(queue)
