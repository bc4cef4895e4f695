"""One account's calls in memory, and what its rules say about them at a moment.

The same decisions as admit.lua's, in the same order, in whole microseconds as there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from revio_jobs.contracts import Lane
from tasks.ports import Call, Permit
from worker.limiter.port import Bound, Refused
from worker.limiter.rules import LimitRules

MICRO = 1_000_000
MINUTE_US = 60 * MICRO
# Bulk steps back for an interactive call that has a turn, until a little after it.
GRACE_US = 50_000


@dataclass
class State:
    arrivals: list[tuple[int, str]] = field(default_factory=list)
    """The latest calls, by the latest time at which each can have reached the vendor."""
    way: int | None = None
    """From a permit to that time, as it lately was on average."""
    day: tuple[int, int] = (0, 0)
    """When it began and ends."""
    days: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    paused_until: int = 0
    pause_reason: str = ""
    ramp_from: int = 0
    level: int = 0
    """Calls that the minute held when the vendor paused us; less if that was beyond the limit."""
    ceiling: int | None = None
    ceiling_at: int = 0
    next_at: int = 0
    """When the next call would be due if all were evenly spaced."""
    missed: int = 0
    """Interactive calls that found the limit used up; one is forgotten each two minutes."""
    missed_at: int = 0
    turns: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    """The last turn that was given to somebody."""
    next_turns: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(Lane, 0))
    """As `turns`, of those whose turn came too early."""
    interactive_turn: int = 0
    faults: int = 0
    rests_until: int = 0


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

    def level(self, lane: Lane) -> int:
        """What the lane may bring the minute to just after a pause, whatever the limit is."""
        if lane is Lane.BULK:
            return 0
        state = self.state
        return self.rules.level_at(self.now, ramp_from=state.ramp_from, level=state.level)

    def headroom(self) -> int:
        """What bulk leaves: the more, the more interactive calls have missed it."""
        state = self.state
        return self.rules.headroom_at(
            self.now, limit=self.limit(), missed=state.missed, missed_at=state.missed_at
        )

    def is_beyond(self, lane: Lane) -> bool:
        """Whether the limit is used up, and it is the level that lets the lane go on."""
        limit = self.limit()
        return limit < self.level(lane) and self.leaves(limit) > self.now

    def leaves(self, calls: int) -> int:
        """When the oldest of so many latest calls leaves the minute; 0: there are fewer."""
        arrivals = self.state.arrivals
        return arrivals[-calls][0] + MINUTE_US if len(arrivals) >= calls else 0

    def is_broken(self) -> bool:
        return 0 < self.rules.breaker_faults <= self.state.faults

    def closed(self, lane: Lane) -> Refused | None:
        """What lets no call of the lane out at all."""
        state = self.state
        if state.paused_until > self.now:
            return self.refused(Bound.PAUSE, state.paused_until)
        if self.is_broken() and state.rests_until > self.now:
            return self.refused(Bound.BREAKER, state.rests_until)
        if self.day["calls"] >= self.rules.day_limit(lane):
            return self.refused(Bound.DAY, self.day_end)
        return None

    def ends_day(self) -> Refused | None:
        """What would leave now might arrive when the next day has begun, and be counted there."""
        ends = self.day_end - self.now <= self.margin
        return self.refused(Bound.DAY, self.day_end) if ends else None

    def refused(self, bound: Bound, until: int) -> Refused:
        return Refused(bound, (until - self.now) / MICRO)

    def is_paced(self) -> bool:
        return self.rules.burst < self.rules.calls_per_minute

    def allowed(self, lane: Lane) -> int:
        if lane is Lane.BULK:
            return self.limit() - self.headroom()
        return max(self.limit(), self.level(lane))

    def pace(self, lane: Lane) -> int:
        """From a call of the lane to the next of any lane, when all that bulk may see are evenly
        spaced; what goes out beyond a lowered limit does not put bulk off at the lowered pace.
        """
        way = self.margin if self.state.way is None else self.state.way
        beyond = self.level(lane) if self.is_beyond(lane) else 1
        return -(-(MINUTE_US + way) // max(self.allowed(Lane.BULK), beyond))

    def interval(self, lane: Lane) -> int:
        """Between two calls of the lane, when it alone calls."""
        if lane is Lane.INTERACTIVE:
            return self.window // max(self.allowed(lane), 1)
        if not self.rules.bulk_spread:
            return self.pace(lane)
        left = self.rules.day_limit(lane) - self.day["calls"]
        return max(self.pace(lane), (self.day_end - self.now) // left)

    def bulk_next_at(self) -> int:
        """When bulk's next call is due; what is later than this was set with a clock ahead."""
        most = self.window + (self.rules.burst + 1) * self.interval(Lane.BULK)
        return min(self.state.next_at, self.now + most)

    def ready(self, lane: Lane, *, my_turn: bool) -> tuple[int, Bound]:
        """When the lane's next call may go out, and what makes it wait."""
        state, allowed, interval = self.state, self.allowed(lane), self.interval(lane)
        times = [(self.now, Bound.MINUTE)]
        if allowed < 1:
            times.append((self.now + self.window, Bound.MINUTE))
        else:
            times.append((self.leaves(allowed), Bound.MINUTE))
        is_spare = False
        if lane is Lane.BULK:
            if self.is_paced():
                due = self.bulk_next_at() - self.rules.burst * interval
                times.append((due, Bound.PACE))
                is_spare = due + interval <= self.now
            times.append((min(state.interactive_turn, self.now + self.window), Bound.TURN))
        waits, turn = max(times)[0] > self.now, state.turns[lane]
        if my_turn:
            # A turn that came too early: the next ones follow each other, too.
            turn = state.next_turns[lane] if waits else 0
        elif is_spare and not waits:
            # Somebody has not taken his turn.
            turn = 0
        if self.now < turn <= self.now + self.window:
            times.append((turn + interval, Bound.TURN))
        return max(times, key=lambda each: each[0])

    def note_missed(self) -> None:
        """An interactive call has found the limit used up."""
        state = self.state
        missed = self.rules.missed_at(self.now, missed=state.missed, missed_at=state.missed_at)
        state.missed = min(missed + 1, self.rules.bulk_headroom_per_minute)
        state.missed_at = self.now

    def note_turn(self, lane: Lane, at: int, *, my_turn: bool) -> None:
        """Somebody waits until then."""
        state = self.state
        if my_turn:
            state.next_turns[lane] = at
        state.turns[lane] = max(state.turns[lane], at) if my_turn else at
        if lane is Lane.INTERACTIVE:
            state.interactive_turn = at + GRACE_US

    def charge(self, call: Call, token: str) -> None:
        state, rules = self.state, self.rules
        if call.lane is Lane.BULK:
            state.next_at = max(self.bulk_next_at(), self.now) + self.interval(Lane.BULK)
        else:
            state.next_at = max(state.next_at, self.now) + self.pace(call.lane)
        insort(state.arrivals, (self.now + self.margin, token))
        del state.arrivals[: -rules.calls_per_minute]
        if self.is_broken():
            state.rests_until = self.now + us(rules.breaker_rest_s)
        self.day.update(["calls", call.purpose.value])

    def minute(self) -> list[str]:
        """Tokens of the calls that the vendor may still count."""
        arrivals = self.state.arrivals
        first = bisect_right(arrivals, self.now - MINUTE_US, key=lambda each: each[0])
        return [token for _, token in arrivals[first:]]

    def place(self, permit: Permit) -> int | None:
        """Where the call is in the arrivals as long as no answer to it is known."""
        arrival = (int(permit.token.rpartition("@")[2]) + self.margin, permit.token)
        index = bisect_left(self.state.arrivals, arrival)
        return index if self.state.arrivals[index : index + 1] == [arrival] else None


def us(seconds: float) -> int:
    """Whole microseconds."""
    return round(seconds * MICRO)
