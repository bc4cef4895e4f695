"""One account's calls in memory, and what its rules say about them at a moment.

The same decisions as admit.lua's, in the same order, in whole microseconds as there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from revio_jobs.contracts import Lane
from tasks.ports import Call, Permit
from worker.limiter.charge import MOST_SOURCES, OTHER_SOURCES, source_counter
from worker.limiter.port import Bound, Refused
from worker.limiter.rules import LimitRules

MICRO = 1_000_000
MINUTE_US = 60 * MICRO
# Bulk yields to an interactive call that holds a slot, until a little after the slot.
GRACE_US = 50_000


@dataclass
class State:
    arrivals: list[tuple[int, str]] = field(default_factory=list)
    """The latest calls, by the latest time at which each can have reached the vendor."""
    transit_time: int | None = None
    """Moving average of the time from a permit to that latest possible arrival."""
    day: tuple[int, int] = (0, 0)
    """When it began and ends."""
    days: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    paused_until: int = 0
    pause_reason: str = ""
    ramp_from: int = 0
    post_pause_ceiling: int = 0
    """Calls in the minute when the vendor paused us; fewer if that was already over the limit."""
    ceiling: int | None = None
    ceiling_at: int = 0
    next_at: int = 0
    """When the next call would be due if all were evenly spaced."""
    delayed_interactive: int = 0
    """Interactive calls that found the limit used up, as counted at `delayed_at`."""
    delayed_at: int = 0
    slots: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    """The last slot that was reserved for a waiting call."""
    next_slots: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    """The last slot among calls whose first slot came too early: they queue separately."""
    interactive_slot: int = 0
    """Until when bulk yields to a waiting interactive call."""
    faults: int = 0
    breaker_open_until: int = 0
    closed_until: int = 0
    """0: the account is open; else when a call may probe whether it is accepted again."""
    closed_reason: str = ""
    closed_at: int = 0
    probing: bool = False


class AccountNow:
    """One account's state under its rules at one moment, in microseconds."""

    def __init__(self, state: State, rules: LimitRules, now: int) -> None:
        self.state = state
        self.rules = rules
        self.now = now
        self.window = us(rules.window_s)
        self.margin = self.window - MINUTE_US
        if not state.day[0] <= now < state.day[1]:
            start, end, _ = rules.resets_around(now / MICRO)
            state.day = round(start) * MICRO, round(end) * MICRO
        self.day_start, self.day_end = state.day
        self.day = state.days[self.day_start]

    def limit(self) -> int:
        """Calls that the minute may hold now."""
        state = self.state
        return self.rules.limit_at(
            self.now,
            ramp_from=state.ramp_from,
            ceiling=state.ceiling,
            ceiling_at=state.ceiling_at,
        )

    def post_pause_ceiling(self, lane: Lane) -> int:
        """What the lane may bring the minute to after a pause, even beyond the limit."""
        if lane is Lane.BULK:
            return 0
        state = self.state
        return self.rules.post_pause_ceiling_at(
            self.now, ramp_from=state.ramp_from, count=state.post_pause_ceiling
        )

    def headroom(self) -> int:
        """Calls of the minute that bulk leaves free."""
        state = self.state
        return self.rules.headroom_at(
            self.now,
            limit=self.limit(),
            delayed=state.delayed_interactive,
            delayed_at=state.delayed_at,
        )

    def exceeds_limit(self, lane: Lane) -> bool:
        """Whether the limit is used up and only the post-pause ceiling lets the lane go on."""
        limit = self.limit()
        return limit < self.post_pause_ceiling(lane) and self.free_at(limit) > self.now

    def free_at(self, calls: int) -> int:
        """When the oldest of the latest `calls` calls leaves the minute; 0 if there are fewer."""
        arrivals = self.state.arrivals
        return arrivals[-calls][0] + MINUTE_US if len(arrivals) >= calls else 0

    def is_breaker_open(self) -> bool:
        return 0 < self.rules.breaker_faults <= self.state.faults

    def closed(self, lane: Lane) -> Refused | None:
        """What keeps every call of the lane from going out, if anything does."""
        state = self.state
        if state.paused_until > self.now:
            return self.refused(Bound.PAUSE, state.paused_until)
        if state.closed_until > self.now:
            wait_s = (state.closed_until - self.now) / MICRO
            return Refused(Bound.ACCOUNT, wait_s, state.closed_reason)
        if self.is_breaker_open() and state.breaker_open_until > self.now:
            return self.refused(Bound.BREAKER, state.breaker_open_until)
        if self.day["calls"] >= self.rules.day_limit(lane):
            return self.refused(Bound.DAY, self.day_end)
        return None

    def ends_day(self) -> Refused | None:
        """Refuses a call that might arrive, and be counted, after the next day has begun."""
        ends = self.day_end - self.now <= self.margin
        return self.refused(Bound.DAY, self.day_end) if ends else None

    def refused(self, bound: Bound, until: int) -> Refused:
        return Refused(bound, (until - self.now) / MICRO)

    def is_paced(self) -> bool:
        return self.rules.burst < self.rules.calls_per_minute

    def allowed(self, lane: Lane) -> int:
        if lane is Lane.BULK:
            return self.limit() - self.headroom()
        return max(self.limit(), self.post_pause_ceiling(lane))

    def pace(self, lane: Lane) -> int:
        """From a call of this lane to the next of any lane, if all were evenly spaced.

        Interactive calls beyond a lowered limit are spaced by their own, faster pace, so that they
        do not push bulk back at the lowered one.
        """
        transit_time = self.margin if self.state.transit_time is None else self.state.transit_time
        beyond = self.post_pause_ceiling(lane) if self.exceeds_limit(lane) else 1
        return -(-(MINUTE_US + transit_time) // max(self.allowed(Lane.BULK), beyond))

    def interval(self, lane: Lane) -> int:
        """Between two calls of the lane when no other lane calls."""
        if lane is Lane.INTERACTIVE:
            return self.window // max(self.allowed(lane), 1)
        if not self.rules.bulk_spread:
            return self.pace(lane)
        left = self.rules.day_limit(lane) - self.day["calls"]
        return max(self.pace(lane), (self.day_end - self.now) // left)

    def bulk_next_at(self) -> int:
        """When bulk's next call is due, bounded: a later time was set while the clock was ahead."""
        most = self.window + (self.rules.burst + 1) * self.interval(Lane.BULK)
        return min(self.state.next_at, self.now + most)

    def ready(self, lane: Lane, *, in_slot: bool) -> tuple[int, Bound]:
        """When the lane's next call may go out, and what makes it wait."""
        state, allowed, interval = self.state, self.allowed(lane), self.interval(lane)
        times = [(self.now, Bound.MINUTE)]
        if allowed < 1:
            times.append((self.now + self.window, Bound.MINUTE))
        else:
            times.append((self.free_at(allowed), Bound.MINUTE))
        has_spare_step = False
        if lane is Lane.BULK:
            if self.is_paced():
                due = self.bulk_next_at() - self.rules.burst * interval
                times.append((due, Bound.PACE))
                has_spare_step = due + interval <= self.now
            times.append((min(state.interactive_slot, self.now + self.window), Bound.TURN))
        waits, slot = max(times)[0] > self.now, state.slots[lane]
        if in_slot:
            # Its slot came too early: it queues behind others to whom that happened.
            slot = state.next_slots[lane] if waits else 0
        elif has_spare_step and not waits:
            # The holder of the last slot has not come for it.
            slot = 0
        if self.now < slot <= self.now + self.window:
            times.append((slot + interval, Bound.TURN))
        return max(times, key=lambda candidate: candidate[0])

    def note_delayed(self) -> None:
        """Count an interactive call that found the limit used up."""
        state = self.state
        delayed = self.rules.delayed_now(
            self.now,
            delayed=state.delayed_interactive,
            delayed_at=state.delayed_at,
        )
        state.delayed_interactive = min(delayed + 1, self.rules.bulk_headroom_per_minute)
        state.delayed_at = self.now

    def note_slot(self, lane: Lane, at: int, *, in_slot: bool) -> None:
        """Reserve the slot for a call that waits until then."""
        state = self.state
        if in_slot:
            state.next_slots[lane] = at
        state.slots[lane] = max(state.slots[lane], at) if in_slot else at
        if lane is Lane.INTERACTIVE:
            state.interactive_slot = at + GRACE_US

    def charge(self, call: Call, token: str) -> None:
        state, rules = self.state, self.rules
        if call.lane is Lane.BULK:
            state.next_at = max(self.bulk_next_at(), self.now) + self.interval(Lane.BULK)
        else:
            state.next_at = max(state.next_at, self.now) + self.pace(call.lane)
        insort(state.arrivals, (self.now + self.margin, token))
        del state.arrivals[: -rules.calls_per_minute]
        if state.closed_until:
            state.closed_until = self.now + us(rules.account_probe_interval_s)
            state.probing = True
        if self.is_breaker_open():
            state.breaker_open_until = self.now + us(rules.breaker_probe_interval_s)
        self.day.update(["calls", call.purpose.value])
        if call.source:
            self.day.update([self._source_counter(call.source)])

    def _source_counter(self, source: str) -> str:
        counter = source_counter(source)
        if counter in self.day:
            return counter
        if self.day["sources"] >= MOST_SOURCES:
            return source_counter(OTHER_SOURCES)
        self.day.update(["sources"])
        return counter

    def minute(self) -> list[str]:
        """Tokens of the calls that the vendor may still be counting."""
        arrivals = self.state.arrivals
        first = bisect_right(arrivals, self.now - MINUTE_US, key=lambda arrival: arrival[0])
        return [token for _, token in arrivals[first:]]

    def place(self, permit: Permit) -> int | None:
        """The call's index in the arrivals; None once its answer is known."""
        arrival = (int(permit.token.rpartition("@")[2]) + self.margin, permit.token)
        index = bisect_left(self.state.arrivals, arrival)
        return index if self.state.arrivals[index : index + 1] == [arrival] else None


def us(seconds: float) -> int:
    """Whole microseconds."""
    return round(seconds * MICRO)
