"""How long the ledger keeps and holds things."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerTimes:
    """All in seconds."""

    lease_s: float
    park_s: float = 30.0
    """A parked job is tried again after so long, though nobody woke it."""
    result_retention_s: int = 86_400
    key_retention_s: int = 7 * 86_400
