"""How much of campaigns is under way at a time: how many jobs, their division, a run's own rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from campaigns.run.state import Phase, RunState, Status

_MINUTE_S = 60.0
_BURST_S = 2.0


@dataclass(frozen=True, slots=True)
class FeederLimits:
    """Limits of one account's feeder."""

    max_in_flight: int = 100
    """Jobs in the queue, over all runs of the account."""
    ids_per_call: int = 200
    fresh_s: float = 60.0
    """How long a product's values count as just read."""
    read_back_patience_s: float = 5.0
    """How long a query may lag behind a change."""


def shares(states: Iterable[RunState], max_in_flight: int, now: float) -> dict[str, int]:
    """Jobs that each run may have under way, by its weight among those that have rows to send.

    Each gets at least one, so that none starves.
    """
    known = list(states)
    sending = [state for state in known if _sends(state, now)]
    weights = sum(state.weight for state in sending)
    allowed = {state.spec.run: max(max_in_flight * state.weight // weights, 1) for state in sending}
    return {state.spec.run: allowed.get(state.spec.run, 0) for state in known}


def _sends(state: RunState, now: float) -> bool:
    in_time = state.spec.opens_at(now) <= now
    return state.status is Status.RUNNING and state.phase is Phase.FEEDING and in_time


class Allowance:
    """A run's own rate: it fills evenly, and holds two seconds' worth and one more at most.

    A read is a call, too, but a row may only be sent while what was read is fresh. So a read leaves
    room for one job at least, and is paid for with the next call; what that overdraws has to fill
    up before anything else is done. At one call per minute a row is read and sent within seconds,
    and the next one comes two minutes later.
    """

    def __init__(self, now: float) -> None:
        self._since = now
        self._saved = 1.0
        self._unpaid_reads = 0

    def room(self, rate: float | None, now: float) -> float:
        """Jobs that may be sent now; `rate` in calls per minute, None for any number."""
        if rate is None:
            self._since = now
            return math.inf
        per_second = rate / _MINUTE_S
        filled = self._saved + max(now - self._since, 0.0) * per_second
        self._saved = min(filled, per_second * _BURST_S + 1.0)
        self._since = now
        return max(self._saved - self._unpaid_reads, 1.0) if self._saved >= 1.0 else 0.0

    def spend_read(self) -> None:
        """A call has read products."""
        self.spend(0)
        self._unpaid_reads = 1

    def spend(self, jobs: int) -> None:
        """So many were sent; what was sent while there was no rate is not made up for later."""
        self._saved = max(self._saved - jobs - self._unpaid_reads, -1.0)
        self._unpaid_reads = 0
