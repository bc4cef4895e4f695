"""How long, and how much, the ledger keeps."""

from __future__ import annotations

from dataclasses import dataclass

DEAD_LETTERS_KEPT = 100_000
"""Per account; the oldest are dropped first."""
HISTORY_KEPT = 10
"""Failed attempts per job."""
SHOWN_CHARACTERS = 300
"""Longest text that is kept of the reason why an attempt failed."""


@dataclass(frozen=True, slots=True)
class LedgerTimes:
    """All in seconds."""

    lease_s: float
    """A job whose worker is silent for this long goes to another worker."""
    quiet_s: float = 0.0
    """An update that was sent and not answered may still be executed for this long after its intent
    was recorded; before that no query can decide what became of it."""
    park_s: float = 30.0
    """A parked job that nobody woke is tried again after this long."""
    result_retention_s: int = 86_400
    """For how long results are kept in the ledger, the result backend and the history."""
    key_retention_s: int = 7 * 86_400
    """For how long idempotency keys are kept."""
    dead_retention_s: int = 7 * 86_400
    """For how long dead letters are kept."""
