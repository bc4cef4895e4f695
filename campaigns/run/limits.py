"""How much of a campaign is under way at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeederLimits:
    """Of one account's feeder."""

    window: int = 100
    """Jobs in the queue, over all runs of the account."""
    ids_per_call: int = 200
    fresh_s: float = 60.0
    """How long a product's values count as just read."""
    read_back_patience_s: float = 5.0
    """How long a query may lag behind a change."""
