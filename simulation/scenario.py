"""What is simulated, and how it is run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from revio_jobs.contracts import Lane
from simulation.timeline import Process, Timeline
from simulation.vendor import Vendor, Way
from simulation.workers import ACCOUNT, Fleet, Journal, WorkerProcess
from worker.limiter import LimitRules, MemoryLimiter

# A Monday's midnight, UTC.
START = 1_767_571_200.0
_RESTART_TAKES_S = 3.0

PerSecond = Callable[[float], float]
"""A rate by the seconds since the start."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Somebody else with our key, evenly between two times (seconds since the start)."""

    start_s: float
    end_s: float
    per_second: float
    at_once: int = 1
    """So many calls come together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Times are in seconds since the start, which is the beginning of the vendor's day."""

    rules: LimitRules
    seconds: float
    interactive: PerSecond = field(default=lambda _: 0.0)
    """Poisson arrivals of this rate."""
    interactive_peak: float = 0.0
    """An upper bound on `interactive`."""
    campaigns: Sequence[tuple[float, int]] = ()
    """When so many bulk jobs are submitted at once."""
    processes: Mapping[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 2))
    threads: int = 16
    restart_every_s: float = math.inf
    """One process is killed and restarted at this interval, a different one each time."""
    way: Way = field(default_factory=Way)
    foreign: Sequence[Foreign] = ()
    outages: Sequence[tuple[float, float]] = ()
    has_fixed_minute: bool = False
    """Whether the vendor's count is reset at each full minute; otherwise it slides."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario led to."""

    scenario: Scenario
    journal: Journal
    statuses: Mapping[int, int]
    """The vendor's answers."""
    foreign_calls: int
    left: Mapping[Lane, int]
    """Jobs that nobody has taken at the end."""


def simulate(scenario: Scenario) -> Outcome:
    """The same scenario leads to the same outcome."""
    timeline, chance, rules = Timeline(START), Random(scenario.seed), scenario.rules  # noqa: S311
    vendor = Vendor(
        timeline,
        Random(scenario.seed + 1),  # noqa: S311 - repeatable, no secret
        calls_per_minute=rules.calls_per_minute,
        calls_per_day=rules.calls_per_day,
        way=scenario.way,
        outages=[(START + start, START + end) for start, end in scenario.outages],
        has_fixed_minute=scenario.has_fixed_minute,
    )
    fleet = Fleet(timeline, MemoryLimiter({ACCOUNT: rules}, timeline), vendor)
    workers = [
        WorkerProcess(fleet, lane, scenario.threads)
        for lane, count in scenario.processes.items()
        for _ in range(count)
    ]
    for worker in workers:
        worker.start(chance.random())
    for process in _events(scenario, fleet, workers, chance):
        timeline.start(process)
    timeline.run(START + scenario.seconds)
    return Outcome(
        scenario,
        fleet.journal,
        dict(vendor.statuses),
        vendor.foreign,
        {lane: len(queue.jobs) for lane, queue in fleet.queues.items()},
    )


def _events(
    scenario: Scenario, fleet: Fleet, workers: Sequence[WorkerProcess], chance: Random
) -> Iterator[Process]:
    if scenario.interactive_peak:
        yield _arrivals(scenario, fleet, chance)
    for at_s, jobs in scenario.campaigns:
        yield _campaign(fleet, at_s, jobs)
    if math.isfinite(scenario.restart_every_s):
        yield _restarts(scenario, workers)
    for user in scenario.foreign:
        yield _foreign(fleet, user)


def _arrivals(scenario: Scenario, fleet: Fleet, chance: Random) -> Process:
    """A Poisson process of a changing rate, by thinning (Lewis and Shedler, 1979)."""
    while True:
        yield chance.expovariate(scenario.interactive_peak)
        rate = scenario.interactive(fleet.timeline.now - START)
        if chance.random() * scenario.interactive_peak < rate:
            fleet.submit(Lane.INTERACTIVE, 1)


def _campaign(fleet: Fleet, at_s: float, jobs: int) -> Process:
    yield at_s
    fleet.submit(Lane.BULK, jobs)


def _restarts(scenario: Scenario, workers: Sequence[WorkerProcess]) -> Process:
    number = 0
    while True:
        yield scenario.restart_every_s
        workers[number % len(workers)].restart(_RESTART_TAKES_S)
        number += 1


def _foreign(fleet: Fleet, foreign: Foreign) -> Process:
    yield foreign.start_s
    while fleet.timeline.now - START < foreign.end_s:
        for _ in range(foreign.at_once):
            fleet.vendor.receive_foreign()
        yield foreign.at_once / foreign.per_second
