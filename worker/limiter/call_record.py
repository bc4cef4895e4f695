"""The append-only record of all charges, and what it proves about the limits.

A charge that was refunded left no call, so a charge is judged only once it cannot be refunded any
more. The charges of two minutes are held in memory.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from redis import Redis

from worker.limiter.charge import CallKeys, Charge, Refund
from worker.limiter.rules import LimitRules
from worker.redis_kit.scripts import fail_closed

_MICRO = 1_000_000
_MINUTE_US = 60 * _MICRO
_AT_ONCE = 1_000
_SHOWN_BREACHES = 20


@dataclass(frozen=True, slots=True)
class LimitBreach:
    """A minute or day with more calls than allowed."""

    window: str
    """minute, or day."""
    calls: int
    limit: int
    began_at: float
    ended_at: float
    """Unix times, seconds. Overlapping minutes are reported as one, with the largest count."""


@dataclass(frozen=True, slots=True)
class Day:
    """Calls of one day; the record's first day may be incomplete."""

    began_at: float
    calls: int


@dataclass
class LimitProof:
    """What a record proves once all of it was read."""

    limit_per_minute: int
    limit_per_day: int
    calls: int = 0
    refunds: int = 0
    first_at: float | None = None
    last_at: float | None = None
    most_in_a_minute: int = 0
    most_at: float | None = None
    """When the fullest 60 seconds ended."""
    days: list[Day] = field(default_factory=list)
    breaches: list[LimitBreach] = field(default_factory=list)
    """The first of them."""
    breach_count: int = 0

    @property
    def limits_held(self) -> bool:
        """No 60 seconds and no day held more than their limit."""
        return self.breach_count == 0


class CallRecord:
    """One account's record in Redis."""

    def __init__(self, redis: Redis, account: str) -> None:
        self._redis = redis
        self._key = CallKeys(account).record

    def entries(self, since: float = 0.0) -> Iterator[Charge | Refund]:
        """Entries from `since` (Unix time, seconds) on, oldest first. Raises Unavailable."""
        start = str(round(since * 1000))
        while True:
            with fail_closed("the limiter's record"):
                entries: Any = self._redis.xrange(self._key, min=start, count=_AT_ONCE)
            for entry_id, fields in entries:
                written_at = int(entry_id.partition(b"-")[0]) / 1000
                if b"refund" in fields:
                    yield Refund(written_at, fields[b"refund"].decode())
                else:
                    yield Charge(int(fields[b"at"]), written_at, fields[b"token"].decode())
            if len(entries) < _AT_ONCE:
                return
            start = f"({entries[-1][0].decode()}"


def prove(entries: Iterable[Charge | Refund], rules: LimitRules) -> LimitProof:
    """Replay a record, oldest first, against the limits as they are now."""
    replay = _Replay(rules)
    for entry in entries:
        replay.read(entry)
    return replay.end()


class _Replay:
    def __init__(self, rules: LimitRules) -> None:
        self._rules = rules
        self._proof = LimitProof(rules.calls_per_minute, rules.calls_per_day)
        self._settles_after_s = 2 * rules.window_s
        self._open: OrderedDict[str, Charge] = OrderedDict()
        """Charges that may still be refunded."""
        self._minute: deque[Charge] = deque()
        self._breach: LimitBreach | None = None
        self._day = Day(0.0, 0)
        self._day_ends = 0.0

    def read(self, entry: Charge | Refund) -> None:
        if isinstance(entry, Refund):
            self._proof.refunds += self._open.pop(entry.token, None) is not None
            return
        while self._open:
            oldest = next(iter(self._open.values()))
            if oldest.written_at + self._settles_after_s > entry.written_at:
                break
            self._judge(self._open.popitem(last=False)[1])
        self._open[entry.token] = entry

    def end(self) -> LimitProof:
        while self._open:
            self._judge(self._open.popitem(last=False)[1])
        self._end_minutes()
        self._end_day()
        return self._proof

    def _judge(self, charge: Charge) -> None:
        proof = self._proof
        proof.calls += 1
        proof.last_at = charge.written_at
        proof.first_at = charge.written_at if proof.first_at is None else proof.first_at
        self._count_minute(charge)
        self._count_day(charge)

    def _count_minute(self, charge: Charge) -> None:
        proof, minute = self._proof, self._minute
        if minute and minute[-1].at_us > charge.at_us:
            # They were charged while the clock was ahead: counted as of now, as the limiter does.
            now = charge.at_us
            self._minute = minute = deque(replace(old, at_us=min(old.at_us, now)) for old in minute)
        minute.append(charge)
        while minute[0].at_us <= charge.at_us - _MINUTE_US:
            minute.popleft()
        if len(minute) > proof.most_in_a_minute:
            proof.most_in_a_minute, proof.most_at = len(minute), charge.written_at
        if len(minute) > proof.limit_per_minute:
            self._note_minute(minute[0].written_at, charge.written_at)

    def _note_minute(self, began_at: float, ended_at: float) -> None:
        calls, before = len(self._minute), self._breach
        if before and began_at <= before.ended_at:
            began_at, calls = before.began_at, max(calls, before.calls)
        else:
            self._end_minutes()
        self._breach = LimitBreach(
            "minute", calls, self._proof.limit_per_minute, began_at, ended_at
        )

    def _end_minutes(self) -> None:
        if self._breach:
            self._add(self._breach)
            self._breach = None

    def _count_day(self, charge: Charge) -> None:
        if charge.written_at >= self._day_ends:
            self._end_day()
            start, self._day_ends, _ = self._rules.resets_around(charge.written_at)
            self._day = Day(start, 0)
        self._day = Day(self._day.began_at, self._day.calls + 1)

    def _end_day(self) -> None:
        day, limit = self._day, self._proof.limit_per_day
        if not day.calls:
            return
        self._proof.days.append(day)
        if day.calls > limit:
            self._add(LimitBreach("day", day.calls, limit, day.began_at, self._day_ends))

    def _add(self, breach: LimitBreach) -> None:
        self._proof.breach_count += 1
        if len(self._proof.breaches) < _SHOWN_BREACHES:
            self._proof.breaches.append(breach)
