"""The business's local time, read and shown; where its clocks change, nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from campaigns.errors import InputError

_MINUTE = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """Times of one time zone."""

    zone: str = "UTC"
    """An IANA name."""

    def show(self, at: float) -> str:
        """A Unix time to the minute, with UTC: 2026-06-01 22:00 EDT (2026-06-02 02:00 UTC)."""
        in_utc = datetime.fromtimestamp(at, UTC)
        here = in_utc.astimezone(ZoneInfo(self.zone))
        if not here.utcoffset():
            return f"{in_utc:{_MINUTE}} UTC"
        beside = "%H:%M" if here.date() == in_utc.date() else _MINUTE
        return f"{here:{_MINUTE}} {here:%Z} ({in_utc:{beside}} UTC)"

    def clock(self, at: float) -> str:
        """A Unix time's hour and minute here: 22:00."""
        return f"{datetime.fromtimestamp(at, ZoneInfo(self.zone)):%H:%M}"

    def show_iso(self, text: str) -> str:
        """As `show`, for an ISO 8601 time with its offset."""
        return self.show(datetime.fromisoformat(text).timestamp())

    def read(self, text: str) -> float:
        """Unix time of 2026-06-01T22:00 here, or of a time with its own offset.

        Raises InputError, also for a time that the clocks skip or show twice.
        """
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError as exc:
            raise InputError(f"{text!r} is not a time such as 2026-06-01T22:00") from exc
        try:
            at = (moment if moment.tzinfo else self._here(moment)).timestamp()
            self.show(at)
        except (OverflowError, ValueError) as exc:
            raise InputError(f"{text!r} is beyond the calendar") from exc
        return at

    def day_begins(self, day: date) -> float:
        """Unix time of the day's first moment here."""
        return datetime.combine(day, time(0), ZoneInfo(self.zone)).timestamp()

    def day_of(self, at: float) -> date:
        """The day here of a Unix time."""
        return datetime.fromtimestamp(at, ZoneInfo(self.zone)).date()

    def _here(self, naive: datetime) -> datetime:
        zone = ZoneInfo(self.zone)
        first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        real = first.astimezone(UTC).astimezone(zone)
        if real.replace(tzinfo=None) != naive:
            raise InputError(
                f"{naive:{_MINUTE}} does not exist in {self.zone}, where the clocks skip it: give "
                f"{real:%Y-%m-%dT%H:%M} or another time"
            )
        if first.utcoffset() != second.utcoffset():
            raise InputError(
                f"{naive:{_MINUTE}} comes twice in {self.zone}, where the clocks go back: give "
                f"{first.isoformat('T', 'minutes')} or {second.isoformat('T', 'minutes')}"
            )
        return first
