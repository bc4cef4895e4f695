"""What an outcome comes to in numbers."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import sub

from revio_jobs.contracts import Lane
from simulation.scenario import START, Outcome
from simulation.workers import Journal

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Statistics of an outcome, from some time on."""

    calls: dict[Lane, int]
    use: float
    """Calls as a share of what the vendor's minute allows."""
    most_in_a_minute: int
    """Permits in any 60 seconds."""
    wait_s: dict[Lane, tuple[float, float, float]]
    """For the permit: median, 99th percentile, longest."""
    asked_per_call: float
    """Decisions of the limiter for each permit, over the whole time."""
    throttled: int
    """The vendor's 429s, over the whole time."""
    answered: int
    """Calls that the vendor took, over the whole time."""
    after_pause_s: tuple[float, float]
    """From a pause's end, or from when the first interactive job is there if that is later, to the
    first interactive permit: median and longest, over the whole time."""


def figures(outcome: Outcome, from_s: float = 0.0) -> Figures:
    """Leaves out what happened in the first `from_s` seconds."""
    journal, scenario = outcome.journal, outcome.scenario
    since = {lane: bisect_left(times, START + from_s) for lane, times in journal.granted.items()}
    granted = {lane: journal.granted[lane][first:] for lane, first in since.items()}
    after_pause_s, _, longest_after_s = _spread(sorted(_after_pauses(journal)))
    total, minutes = sum(map(len, granted.values())), (scenario.seconds - from_s) / MINUTE_S
    return Figures(
        calls={lane: len(times) for lane, times in granted.items()},
        use=total / minutes / scenario.rules.calls_per_minute,
        most_in_a_minute=most_in_a_minute(sorted(chain.from_iterable(granted.values()))),
        wait_s={
            lane: _spread(sorted(journal.waits_s[lane][first:])) for lane, first in since.items()
        },
        asked_per_call=journal.asked / max(sum(map(len, journal.granted.values())), 1),
        throttled=outcome.statuses.get(429, 0),
        answered=outcome.statuses.get(200, 0),
        after_pause_s=(after_pause_s, longest_after_s),
    )


def per_minute(outcome: Outcome) -> dict[Lane, list[int]]:
    """Permits of each minute by lane."""
    counts = {lane: [0] * math.ceil(outcome.scenario.seconds / MINUTE_S) for lane in Lane}
    for lane, times in outcome.journal.granted.items():
        for at in times:
            counts[lane][int((at - START) // MINUTE_S)] += 1
    return counts


def most_in_a_minute(times: Sequence[float]) -> int:
    """The largest number of these rising times (seconds) that any 60 seconds hold."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - MINUTE_S:
            first += 1
        most = max(most, last - first + 1)
    return most


def _after_pauses(journal: Journal) -> Iterator[float]:
    granted, waited_s = (
        by_lane[Lane.INTERACTIVE] for by_lane in (journal.granted, journal.jobs_waited_s)
    )
    for _, ended in journal.pauses:
        first = bisect_left(granted, ended)
        if first < len(granted):
            submitted = map(sub, granted[first:], waited_s[first:])
            yield granted[first] - max(ended, min(submitted))


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    if not values:
        return 0.0, 0.0, 0.0
    return values[len(values) // 2], values[len(values) * 99 // 100], values[-1]
