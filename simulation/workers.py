"""Worker processes and their threads, as the application runs them, in virtual time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

from revio_jobs.contracts import Lane
from revio_jobs.errors import QuotaExhausted, Throttled
from simulation.timeline import Process, Timeline
from simulation.vendor import Reply, Vendor
from tasks.ports import Call, Permit, Purpose
from worker.limiter import Granted, Limiter, Refused
from worker.limiter.permits import asking

ACCOUNT = "default"

# As the worker has them: the patience of a job, and the longest time for which a process closes a
# lane that one of its jobs found closed.
MAX_WAIT_S = 15.0
_LONGEST_REST_S = 30.0
_RETRY_AFTER_FAULT_S = 2.0
_LEASE_S = 45.0

Job = float
"""The time of its submission."""


@dataclass
class Queue:
    """One lane's jobs, oldest first, and the threads that wait for one."""

    jobs: deque[Job] = field(default_factory=deque)
    idle: deque[Process] = field(default_factory=deque)


@dataclass
class Journal:
    """What happened."""

    granted: dict[Lane, list[float]] = field(default_factory=lambda: {lane: [] for lane in Lane})
    """Times of all permits by lane."""
    waits_s: dict[Lane, list[float]] = field(default_factory=lambda: {lane: [] for lane in Lane})
    """From a thread's first asking to the permit."""
    jobs_waited_s: dict[Lane, list[float]] = field(
        default_factory=lambda: {lane: [] for lane in Lane}
    )
    """From a job's submission to the permit."""
    asked: int = 0
    """Decisions of the limiter."""
    requeued: Counter[Lane] = field(default_factory=Counter)
    pauses: list[tuple[float, float]] = field(default_factory=list)
    """When each began and ended. One that was made longer while it lasted is one."""
    lowered: list[tuple[float, int]] = field(default_factory=list)
    """When a ceiling was lowered, and to what."""

    def note_pause(self, now: float, seconds: float) -> None:
        """The vendor asks for a pause; one that lasts longer already stays."""
        began, ends = self.pauses[-1] if self.pauses else (now, now)
        if now < ends:
            self.pauses[-1] = began, max(ends, now + seconds)
        else:
            self.pauses.append((now, now + seconds))


class Counted:
    """Counts what the limiter is asked; otherwise as it."""

    def __init__(self, limiter: Limiter, journal: Journal) -> None:
        self._limiter = limiter
        self._journal = journal
        self.refund, self.pause = limiter.refund, limiter.pause
        self.report, self.usage = limiter.report, limiter.usage
        self.closed, self.closed_among = limiter.closed, limiter.closed_among
        self.answered = limiter.answered
        self.close, self.reopen = limiter.close, limiter.reopen

    def admit(
        self, call: Call, *, patience_s: float = 0.0, in_slot: bool = False
    ) -> Granted | Refused:
        """As the limiter's."""
        self._journal.asked += 1
        return self._limiter.admit(call, patience_s=patience_s, in_slot=in_slot)


class Fleet:
    """All processes of one account, their queues, and what they did."""

    def __init__(self, timeline: Timeline, limiter: Limiter, vendor: Vendor) -> None:
        self.journal = Journal()
        self.queues = {lane: Queue() for lane in Lane}
        self.limiter = Counted(limiter, self.journal)
        self.timeline = timeline
        self.vendor = vendor

    def submit(self, lane: Lane, jobs: int) -> None:
        """So many jobs come in now."""
        queue, now = self.queues[lane], self.timeline.now
        queue.jobs.extend([now] * jobs)
        self.wake(lane, jobs)

    def requeue(self, lane: Lane, jobs: Iterable[Job]) -> None:
        """To the front of the queue."""
        given = list(jobs)
        self.queues[lane].jobs.extendleft(given)
        self.wake(lane, len(given))

    def wake(self, lane: Lane, threads: int) -> None:
        """So many idle threads look into the queue."""
        idle = self.queues[lane].idle
        for _ in range(min(threads, len(idle))):
            self.timeline.start(idle.popleft())


class WorkerProcess:
    """Some threads on one lane."""

    def __init__(self, fleet: Fleet, lane: Lane, threads: int) -> None:
        self._fleet = fleet
        self._lane = lane
        self._count = threads
        self._threads: list[Process] = []
        self._taken: dict[int, Job] = {}
        self._closed_until = 0.0

    def start(self, after_s: float = 0.0) -> None:
        """All threads look for jobs."""
        self._threads = [self._thread(number) for number in range(self._count)]
        for thread in self._threads:
            self._fleet.timeline.start(thread, after_s)

    def restart(self, after_s: float) -> None:
        """Die now, and come back; what was in hand is put back when its lease has run out."""
        for thread in self._threads:
            thread.close()
        idle = self._fleet.queues[self._lane].idle
        dead = set(map(id, self._threads))
        survivors = [process for process in idle if id(process) not in dead]
        idle.clear()
        idle.extend(survivors)
        lost, self._taken = list(self._taken.values()), {}
        self._fleet.timeline.start(self._requeue_lost(lost), _LEASE_S)
        self.start(after_s)

    def _requeue_lost(self, jobs: list[Job]) -> Process:
        self._fleet.requeue(self._lane, jobs)
        yield from ()

    def _thread(self, number: int) -> Process:
        timeline, queue = self._fleet.timeline, self._fleet.queues[self._lane]
        me = self._threads[number]
        while True:
            if self._closed_until > timeline.now:
                yield self._closed_until - timeline.now
            elif queue.jobs:
                self._taken[number] = queue.jobs.popleft()
                yield from self._run(number)
            else:
                queue.idle.append(me)
                yield None

    def _run(self, number: int) -> Process:
        fleet, asked_at = self._fleet, self._fleet.timeline.now
        call = Call(ACCOUNT, self._lane, Purpose.UPDATE)
        try:
            permit = yield from self._acquire(call)
        except (Throttled, QuotaExhausted) as exc:
            fleet.journal.requeued[self._lane] += 1
            self._rest(exc)
            fleet.requeue(self._lane, [self._taken.pop(number)])
            return
        now = fleet.timeline.now
        fleet.journal.granted[self._lane].append(now)
        fleet.journal.waits_s[self._lane].append(now - asked_at)
        fleet.journal.jobs_waited_s[self._lane].append(now - self._taken[number])
        yield fleet.vendor.way_there_s()
        reply = fleet.vendor.receive()
        yield fleet.vendor.rest_s()
        job = self._taken.pop(number)
        if reply.status != 200:  # noqa: PLR2004
            yield from self._failed(reply, job)
        else:
            fleet.limiter.answered(permit)
            fleet.limiter.report(ACCOUNT, healthy=True)

    def _acquire(self, call: Call) -> Generator[float, None, Permit]:
        return (yield from asking(self._fleet.limiter, call, MAX_WAIT_S, self._fleet.timeline))

    def _rest(self, exc: Throttled | QuotaExhausted) -> None:
        now = self._fleet.timeline.now
        until = exc.until if isinstance(exc, QuotaExhausted) else now + exc.retry_after
        self._closed_until = max(self._closed_until, min(until, now + _LONGEST_REST_S))

    def _failed(self, reply: Reply, job: Job) -> Process:
        fleet = self._fleet
        if reply.retry_after_s:
            fleet.journal.note_pause(fleet.timeline.now, reply.retry_after_s)
            spent = reply.status == 429  # noqa: PLR2004
            lowered = fleet.limiter.pause(
                ACCOUNT, reply.retry_after_s, str(reply.status), minute_spent=spent
            )
            if lowered is not None:
                fleet.journal.lowered.append((fleet.timeline.now, lowered))
        else:
            fleet.limiter.report(ACCOUNT, healthy=False)
            yield _RETRY_AFTER_FAULT_S
        fleet.requeue(self._lane, [job])
