"""The outcomes of a submission: a new job, the same job as before, or a conflict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class New:
    """The job was accepted, and its message is in the queue."""


@dataclass(frozen=True, slots=True)
class Attached:
    """The same job is on its way: wait for its result."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The same job has ended."""

    outcome: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expired:
    """The same job ended so long ago that its result has gone."""

    outcome: str
    settled_at: float
    """Unix time, seconds."""


@dataclass(frozen=True, slots=True)
class KeyConflict:
    """The key belongs to another payload."""


Reservation = New | Attached | Settled | Expired | KeyConflict
"""What a submission turned out to be."""
