"""How long the ledger keeps and holds things."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerTimes:
    """All in seconds."""

    lease_s: float
    quiet_s: float = 0.0
    """What was sent and not heard of again may be executed until so long after it was intended."""
    park_s: float = 30.0
    """A parked job is tried again after so long, though nobody woke it."""
    result_retention_s: int = 86_400
    key_retention_s: int = 7 * 86_400
    dead_retention_s: int = 7 * 86_400
