"""A charge: one permitted call, its token, and the keys of an account's charges in Redis."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from revio_jobs.contracts import Lane
from tasks.ports import Call, Purpose

MOST_SOURCES = 40
"""Sources whose calls are counted separately each day; those of all others are summed."""
OTHER_SOURCES = "(others)"
_SOURCE = "source:"


class CallKeys:
    """The keys of one account; admit.lua says what each holds."""

    def __init__(self, account: str) -> None:
        prefix = f"revio:{account}:calls"
        self.arrivals = f"{prefix}:arrivals"
        self.state = f"{prefix}:state"
        self.record = f"{prefix}:record"
        self.day_prefix = f"{prefix}:day:"

    def day(self, start: float) -> str:
        """The hash of the day that began at `start` (Unix time, seconds)."""
        return f"{self.day_prefix}{int(start)}"


@dataclass(frozen=True, slots=True)
class Charge:
    """A call was permitted."""

    at_us: int
    """By the limiter's clock, which never goes back; microseconds."""
    written_at: float
    """Unix time in seconds by Redis's clock, which decides about days."""
    token: str


@dataclass(frozen=True, slots=True)
class Refund:
    """A refunded charge: its call never left."""

    written_at: float
    token: str


def new_token(call: Call) -> str:
    """A unique token that also tells lane and purpose: `<lane>.<purpose>.<random>`."""
    return f"{call.lane.value}.{call.purpose.value}.{uuid.uuid4().hex[:16]}"


def source_counter(source: str) -> str:
    """The field of the day's hash that counts the source's calls."""
    return _SOURCE + source


def counts_by_source(day: Mapping[str, int]) -> Mapping[str, int]:
    """Calls by source from the day's counters, the largest first."""
    counts = {
        name.removeprefix(_SOURCE): count
        for name, count in day.items()
        if name.startswith(_SOURCE) and count
    }
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def count_tokens(tokens: Iterable[str]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """The number of charges by purpose and by lane, zeros included."""
    counts = Counter(part for token in tokens for part in token.split(".")[:2])
    return (
        {purpose.value: counts[purpose.value] for purpose in Purpose},
        {lane.value: counts[lane.value] for lane in Lane},
    )
