"""When a run will be done, judged by how fast its last minutes were."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.plan.forecast import BulkBudget, time_for
from campaigns.store import RunView

_TWO_SIGMA = 2.0
_FIRST_GUESS = 0.3
"""How wrong a guess from one minute or none may be."""


@dataclass(frozen=True, slots=True)
class Eta:
    """Seconds from now: most likely, and between which it probably is."""

    seconds: float
    soonest: float
    latest: float


def pace(view: RunView, now: float) -> float | None:
    """Rows a minute over the last whole minutes; None when none has passed."""
    whole = _whole_minutes(view.pace, now)
    return statistics.fmean(whole) if whole else None


def eta(view: RunView, budget: BulkBudget) -> Eta | None:
    """When the run will be done; None if it does not go on by itself."""
    left = view.state.spec.rows - sum(view.state.counts.values())
    if view.has_ended or view.state.status != "running":
        return None
    minutes = _whole_minutes(view.pace, budget.now)
    guess = statistics.fmean(minutes) if minutes else float(budget.per_minute)
    off = _FIRST_GUESS
    if len(minutes) > 1 and guess:
        off = _TWO_SIGMA * statistics.stdev(minutes) / math.sqrt(len(minutes)) / guess
    if view.state.rate:
        guess = min(guess, view.state.rate)
    wait = max(view.state.spec.start_at - budget.now, 0.0)
    seconds, soonest, latest = (
        wait + time_for(left, budget, max(guess * factor, 0.1))
        for factor in (1.0, 1.0 + off, max(1.0 - off, 0.1))
    )
    return Eta(seconds, soonest, latest)


def _whole_minutes(ended: Mapping[int, int], now: float) -> list[int]:
    """The run's last whole minutes: neither its first one nor the current one."""
    this = int(now // 60)
    if not ended:
        return []
    return [ended.get(minute, 0) for minute in range(min(ended) + 1, this)]
