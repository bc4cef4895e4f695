"""The vendor's day, which begins anew in no test."""

from __future__ import annotations

from datetime import UTC, datetime


def in_half_a_day() -> str:
    """An account's DAY_RESET_HOUR for tests that count the day's calls and run beyond midnight."""
    return str((datetime.now(UTC).hour + 12) % 24)
