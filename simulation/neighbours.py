"""Two accounts share a worker: one has more to do than it may call, the other calls at times."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from revio_jobs.contracts import Lane
from revio_jobs.errors import QuotaExhausted, Throttled
from simulation.scenario import START
from simulation.stories import RULES
from simulation.timeline import Process, Timeline
from simulation.vendor import Vendor, Way
from simulation.workers import MAX_WAIT_S, Job
from tasks.ports import Call, Purpose
from worker.limiter import MemoryLimiter
from worker.limiter.permits import asking

BUSY, QUIET = "busy", "quiet"
THREADS = 16
BACKLOG = 100_000
_TURN_S = 0.035
_QUERIES_PER_S = 0.5
_SECONDS = 300.0
_LONGEST_CLOSURE_S = 30.0

Allowance = Callable[[int, int], int]
"""How many messages an account may have taken, by the free threads and by those that it has."""


def shared(free: int, has: int) -> int:
    """As take.lua: three times as many threads as are left free; the last one for a newcomer."""
    return max(1 if has == 0 else 0, (3 * free - has) // 4)


def greedy(free: int, has: int) -> int:  # noqa: ARG001 - as `shared`
    """As a worker of one account: all that are free."""
    return free


@dataclass
class SharedWorker:
    """One process, whose threads take the jobs of both accounts."""

    timeline: Timeline
    limiter: MemoryLimiter
    vendors: dict[str, Vendor]
    allowance: Allowance
    queues: dict[tuple[str, Lane], deque[Job]] = field(default_factory=lambda: defaultdict(deque))
    threads: Counter[str] = field(default_factory=Counter)
    delays_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By account: from a job's submission to its permit."""
    _closed_until: dict[tuple[str, Lane], float] = field(default_factory=dict)

    def submit(self, account: str, lane: Lane, jobs: int) -> None:
        """So many come in now; the worker finds them at its next turn."""
        self.queues[account, lane].extend([self.timeline.now] * jobs)

    def turns(self) -> Process:
        """The loop of an idle worker."""
        while True:
            self._take()
            yield _TURN_S

    def _take(self) -> None:
        for where, queue in self.queues.items():
            if self._closed_until.get(where, 0.0) > self.timeline.now:
                continue
            free = THREADS - self.threads.total()
            for _ in range(min(len(queue), self.allowance(free, self.threads[where[0]]), free)):
                self.threads[where[0]] += 1
                self.timeline.start(self._run(where, queue.popleft()))

    def _run(self, where: tuple[str, Lane], job: Job) -> Process:
        account, lane = where
        call = Call(account, lane, Purpose.UPDATE)
        try:
            permit = yield from asking(self.limiter, call, MAX_WAIT_S, self.timeline)
        except (Throttled, QuotaExhausted) as exc:
            wait_s = exc.retry_after if isinstance(exc, Throttled) else _LONGEST_CLOSURE_S
            self._closed_until[where] = self.timeline.now + min(wait_s, _LONGEST_CLOSURE_S)
            self.queues[where].appendleft(job)
        else:
            self.delays_s[account].append(self.timeline.now - job)
            yield self.vendors[account].way_there_s()
            self.vendors[account].receive()
            yield self.vendors[account].rest_s()
            self.limiter.answered(permit)
        # A free thread asks for its next message at once.
        self.threads[account] -= 1
        self._take()


def p99_s(*, backlog: int, allowance: Allowance = shared) -> float:
    """How late the quiet account's interactive calls are, while the busy one has so many jobs."""
    timeline, chance = Timeline(START), Random(7)  # noqa: S311 - repeatable, no secret
    accounts = (BUSY, QUIET)
    vendors = {
        account: Vendor(
            timeline,
            Random(number),  # noqa: S311 - as above
            calls_per_minute=RULES.calls_per_minute,
            calls_per_day=RULES.calls_per_day,
            way=Way(),
        )
        for number, account in enumerate(accounts)
    }
    limiter = MemoryLimiter(dict.fromkeys(accounts, RULES), timeline)
    worker = SharedWorker(timeline, limiter, vendors, allowance)
    for lane in Lane:
        worker.submit(BUSY, lane, backlog // 2)
    timeline.start(worker.turns())
    timeline.start(_queries(worker, chance))
    timeline.run(START + _SECONDS)
    delays = sorted(worker.delays_s[QUIET])
    return delays[len(delays) * 99 // 100]


def _queries(worker: SharedWorker, chance: Random) -> Process:
    while True:
        yield chance.expovariate(_QUERIES_PER_S)
        worker.submit(QUIET, Lane.INTERACTIVE, 1)
