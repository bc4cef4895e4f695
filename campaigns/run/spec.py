"""What was agreed on when a run was started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.business_time import BusinessTime
from campaigns.terms import HaltRules


@dataclass(frozen=True, slots=True)
class SendingHours:
    """A time of day in which rows are sent; it may span midnight."""

    begins: time
    ends: time
    zone: str

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M} {self.zone}"

    def opens_in(self, now: float) -> float:
        """Seconds; 0 while it is open."""
        if self._is_open(here := self._here(now)):
            return 0.0
        return _until(self.begins, here, now)

    def closes_in(self, now: float) -> float:
        """Seconds; 0 while it is closed."""
        here = self._here(now)
        return _until(self.ends, here, now) if self._is_open(here) else 0.0

    def _here(self, now: float) -> datetime:
        return datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(self.zone))

    def _is_open(self, here: datetime) -> bool:
        at = here.time().replace(tzinfo=None)
        if self.ends <= self.begins:  # it spans midnight
            return at >= self.begins or at < self.ends
        return self.begins <= at < self.ends


def _until(at: time, here: datetime, now: float) -> float:
    """Seconds until the clocks next show `at`."""
    then = here.replace(hour=at.hour, minute=at.minute, second=0)
    then += timedelta(days=1 if here.time() >= at else 0)
    return max(then.timestamp() - now, 1.0)


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a run may send."""

    start_at: float = 0.0
    """Unix time, seconds."""
    sending_hours: SendingHours | None = None
    """None: all day."""
    zone: str = "UTC"
    """The business's, in which times are shown."""

    def opens_at(self, now: float) -> float:
        """Unix time from which rows are sent; `now` if they are."""
        at = max(self.start_at, now)
        return at + (self.sending_hours.opens_in(at) if self.sending_hours else 0.0)

    def not_yet(self, now: float) -> str:
        """Why nothing is sent at this hour; "" if rows may be sent."""
        if (opens_at := self.opens_at(now)) <= now:
            return ""
        return f"its time begins at {BusinessTime(self.zone).show(opens_at)}"


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What was agreed on when the run was started; only `start_at` can be moved since."""

    run: str
    account: str
    name: str
    digest: str
    rows: int
    stages: tuple[int, ...]
    """The row at which each stage ends; the last is `rows`."""
    halt: HaltRules = field(default_factory=HaltRules)
    start_at: float = 0.0
    """Unix time, seconds."""
    sending_hours: SendingHours | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For people: author, approval, who applied it and why, the plan's header and summary."""
    zone: str = "UTC"
    """The business's, in which times are shown."""

    @property
    def timetable(self) -> Timetable:
        """When it may send."""
        return Timetable(self.start_at, self.sending_hours, self.zone)

    def opens_at(self, now: float) -> float:
        """Unix time from which rows are sent; `now` if they are."""
        return self.timetable.opens_at(now)

    def not_yet(self, now: float) -> str:
        """Why the run sends nothing at this hour; "" if it may."""
        return self.timetable.not_yet(now)
