"""Guard rails: what a campaign must not do to a product's price, or not without a reason.

The planner checks them, and the worker does again before each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Protocol, Self

from campaigns.guard_rails.repeat import RecentChange

_NOTHING, _HUNDRED = Decimal(0), Decimal(100)
_UNCERTIFIED = (
    "nobody has tested yet what this account's Rev.io service does with updates; an operator does "
    "so with revio certify"
)


class Rail(StrEnum):
    """What is guarded. The first seven concern a row, the others the plan as a whole."""

    BELOW_COST = "below_cost"
    CHANGE = "change"
    SIGN = "sign"
    ZERO = "zero"
    CAP = "cap"
    BILLED = "billed"
    REPEAT = "repeat"
    ROWS = "rows"
    REVENUE = "revenue"
    UNCERTIFIED = "uncertified"


class Level(StrEnum):
    """What crossing a guard means."""

    OFF = "off"
    WARN = "warn"
    OVERRIDE = "override"
    """Passes with a named reason only."""
    BLOCK = "block"


_WITH_LIMIT = frozenset({Rail.CHANGE, Rail.CAP, Rail.REPEAT, Rail.ROWS, Rail.REVENUE})
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Guard:
    """One rail's level, and its limit if it has one: per cent, an amount, days, or rows."""

    rail: Rail
    level: Level
    limit: Decimal | None = None

    @classmethod
    def parse(cls, rail: str, text: str) -> Self:
        """From "below_cost" and "override", or "change" and "override 30" (also "override:30").

        Raises ValueError.
        """
        level, _, limit = text.replace(":", " ").strip().partition(" ")
        try:
            guard = cls(Rail(rail), Level(level), Decimal(limit.strip()) if limit else None)
        except (ValueError, InvalidOperation):
            raise ValueError(_usage(rail, text)) from None
        if not (guard.limit is None or guard.limit.is_finite()):
            raise ValueError(_usage(rail, text))
        needs_limit = guard.rail in _WITH_LIMIT and guard.level is not Level.OFF
        if needs_limit != (guard.limit is not None and guard.limit >= 0):
            raise ValueError(_usage(rail, text))
        return guard

    def __str__(self) -> str:
        return f"{self.rail}={self.level}" + ("" if self.limit is None else f":{self.limit:f}")


def _usage(rail: str, text: str) -> str:
    rails = ", ".join(Rail)
    limited = ", ".join(sorted(_WITH_LIMIT))
    return (
        f"{rail}={text}: give one of {rails} with off, warn, override or block; "
        f"{limited} with a limit too, such as change=override:30"
    )


@dataclass(frozen=True, slots=True)
class Breach:
    """A guard that is crossed, in words."""

    rail: Rail
    level: Level
    says: str


class Seen(Protocol):
    """The product as it was read."""

    @property
    def rate(self) -> Decimal | None: ...
    @property
    def quantity(self) -> int | None: ...
    @property
    def cost(self) -> Decimal | None: ...
    @property
    def billed_through_date(self) -> date | None: ...


@dataclass(frozen=True, slots=True)
class Rails:
    """All of these guards apply: two of one rail are both checked, so adding never loosens."""

    guards: tuple[Guard, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """From "rail=level:limit" each. Raises ValueError."""
        pairs = (text.partition("=") for text in texts)
        return cls(tuple(Guard.parse(rail.strip(), rest) for rail, _, rest in pairs))

    def __add__(self, more: Rails) -> Rails:
        return Rails(self.guards + more.guards)

    def row_breaches(
        self, seen: Seen, after: Mapping[str, Any], effective: date | None = None
    ) -> list[Breach]:
        """What setting `after` breaks: typed contract values, None for a field that is emptied.

        Caps see the rounded rate.
        """
        return [
            Breach(guard.rail, guard.level, says)
            for guard in self.guards
            if guard.level is not Level.OFF
            if (says := _row_breach(guard, seen, after, effective))
        ]

    def blocking(self, seen: Seen, after: Mapping[str, Any]) -> set[str]:
        """The rails that setting `after` breaks and that no reason can cross."""
        return {
            guard.rail.value
            for guard in self.guards
            if guard.level is Level.BLOCK and _row_breach(guard, seen, after, None)
        }

    def repeat_breaches(
        self, change: RecentChange | None, now: float, show_time: Callable[[float], str]
    ) -> list[Breach]:
        """Breaches of changing a product that a run has changed, or is to change.

        Only planning can tell. A change that comes after it shows as drift when the row is sent.
        """
        if change is None:
            return []
        return [
            Breach(guard.rail, guard.level, change.in_words(show_time))
            for guard in self._repeat_guards()
            if change.at is None or now - change.at <= float(guard.limit or 0) * DAY_S
        ]

    def repeat_s(self) -> float:
        """How far back changes of a product matter, in seconds; 0 if they do not."""
        return max((float(guard.limit or 0) * DAY_S for guard in self._repeat_guards()), default=0)

    def _repeat_guards(self) -> list[Guard]:
        return [
            guard
            for guard in self.guards
            if guard.rail is Rail.REPEAT and guard.level is not Level.OFF
        ]

    def plan_breaches(
        self, rows: int, before: Decimal, after: Decimal, *, is_certified: bool = True
    ) -> list[Breach]:
        """What changing so many rows, and the revenue from `before` to `after`, breaks.

        `is_certified`: there is a certificate of what the account's vendor does.
        """
        breaches = [
            Breach(guard.rail, guard.level, says)
            for guard in self.guards
            if guard.level is not Level.OFF
            if (says := _plan_breach(guard, rows, before, after))
        ]
        return breaches if is_certified else [*breaches, *self._uncertified()]

    def _uncertified(self) -> Iterator[Breach]:
        for guard in self.guards:
            if guard.rail is Rail.UNCERTIFIED and guard.level is not Level.OFF:
                yield Breach(guard.rail, guard.level, _UNCERTIFIED)


def forbidden(breaches: Iterable[Breach], overrides: Iterable[str]) -> list[Breach]:
    """Those that stop the row or plan, given the rails that were overridden with a reason."""
    allowed = frozenset(overrides)
    return [
        breach
        for breach in breaches
        if breach.level is Level.BLOCK
        or (breach.level is Level.OVERRIDE and breach.rail not in allowed)
    ]


def per_cent(before: Decimal, after: Decimal) -> Decimal | None:
    """The change relative to `before`; None from zero to something."""
    if before == after:
        return Decimal(0)
    return (after - before) / abs(before) * _HUNDRED if before else None


def _row_breach(
    guard: Guard, seen: Seen, after: Mapping[str, Any], effective: date | None
) -> str | None:
    if guard.rail is Rail.BILLED:
        return _billed(seen, after, effective)
    return _rate_breach(guard, seen, after["rate"]) if "rate" in after else None


def _rate_breach(guard: Guard, seen: Seen, new: Decimal | None) -> str | None:
    # Who is charged nothing pays as little for an empty rate as for zero.
    limit, old, rate = guard.limit or _NOTHING, seen.rate, new or _NOTHING
    match guard.rail:
        case Rail.BELOW_COST if seen.cost and 0 <= rate < seen.cost:
            return f"rate {rate:f} is below cost {seen.cost:f}"
        case Rail.CHANGE if old is not None:
            return _too_far(old, rate, limit)
        case Rail.SIGN if old and rate and (old < 0) is not (rate < 0):
            return f"rate changes its sign, from {old:f} to {rate:f}"
        case Rail.ZERO if not rate:
            return "rate becomes empty" if new is None else "rate becomes zero"
        case Rail.CAP if abs(rate) > limit:
            return f"rate {rate:f} is above {limit:f}"
    return None


def _too_far(old: Decimal, rate: Decimal, limit: Decimal) -> str | None:
    moved = per_cent(old, rate)
    if moved is None:
        return f"rate changes from 0 to {rate:f}"
    if abs(moved) > limit:
        return f"rate changes by {moved:.1f} %, more than {limit:f} %"
    return None


def _billed(seen: Seen, after: Mapping[str, Any], effective: date | None) -> str | None:
    billed = seen.billed_through_date
    if billed is None:
        return None
    days = (after.get("activated_date"), after.get("disconnect_date"), effective)
    passed = [day for day in days if day is not None and billed >= day]
    return f"billed through {billed}, past {min(passed)}" if passed else None


def _plan_breach(guard: Guard, rows: int, before: Decimal, after: Decimal) -> str | None:
    limit = guard.limit or Decimal(0)
    if guard.rail is Rail.ROWS and rows > limit:
        return f"{rows:,} rows change, more than {limit:,f}"
    if guard.rail is Rail.REVENUE:
        moved = per_cent(before, after)
        if moved is None:
            return f"revenue changes from 0 to {after:f}"
        if abs(moved) > limit:
            return f"revenue changes by {moved:.1f} %, more than {limit:f} %"
    return None
