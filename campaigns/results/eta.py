"""When a run will be done, judged by how fast its last minutes were."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.plan.forecast import BulkBudget, time_for
from campaigns.run.spec import SendingHours
from campaigns.store import RunView

_TWO_SIGMA = 2.0
_MINUTE_S = 60.0
_FOR_EVER_S = 1e8
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
    whole = _whole_minutes(view.pace, now, view.state.spec.sending_hours)
    return statistics.fmean(whole) if whole else None


def eta(view: RunView, budget: BulkBudget) -> Eta | None:
    """When the run will be done; None if it does not go on by itself."""
    left = view.state.spec.rows - sum(view.state.counts.values())
    if view.has_ended or view.state.status != "running":
        return None
    spec = view.state.spec
    minutes = _whole_minutes(view.pace, budget.now, spec.sending_hours)
    guess = statistics.fmean(minutes) if minutes else float(budget.per_minute)
    off = _FIRST_GUESS
    if len(minutes) > 1 and guess:
        off = _TWO_SIGMA * statistics.stdev(minutes) / math.sqrt(len(minutes)) / guess
    if view.state.rate:
        guess = min(guess, view.state.rate)
    wait = max(spec.start_at - budget.now, 0.0)
    seconds, soonest, latest = (
        wait + _time_for(left, budget, max(guess * factor, 0.1), spec.sending_hours, wait)
        for factor in (1.0, 1.0 + off, max(1.0 - off, 0.1))
    )
    return Eta(seconds, soonest, latest)


def _time_for(
    rows: int, budget: BulkBudget, per_minute: float, hours: SendingHours | None, wait: float
) -> float:
    """Seconds from `wait` seconds from now on; within the sending hours alone, if there are any."""
    seconds = time_for(rows, budget, per_minute)
    if hours is None or seconds >= _FOR_EVER_S:
        return seconds
    at, left = budget.now + wait, rows * _MINUTE_S / per_minute
    for_ever = at + _FOR_EVER_S
    while (open_for := hours.closes_in(at)) < left and at < for_ever:
        left -= open_for
        at += open_for or hours.opens_in(at)
    return max(seconds, at + left - budget.now - wait)


def _whole_minutes(ended: Mapping[int, int], now: float, hours: SendingHours | None) -> list[int]:
    """The last whole minutes in which the run might send, without its first."""
    if not ended:
        return []
    return [
        ended.get(minute, 0)
        for minute in range(min(ended) + 1, int(now // _MINUTE_S))
        if hours is None or not hours.opens_in(minute * _MINUTE_S)
    ]
