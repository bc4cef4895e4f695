"""The audit log of a run: who decided what, when and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One decision."""

    at: float
    """Unix time, seconds."""
    by: str
    what: str
    reason: str

    @property
    def when(self) -> str:
        """ISO 8601, UTC, to the second."""
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds")


def entry(at: float, by: str, what: str, reason: str) -> str:
    """As JSON."""
    return json.dumps({"at": at, "by": by, "what": what, "reason": reason})


def read_entry(text: bytes | str) -> AuditEntry:
    """From `entry`."""
    return AuditEntry(**json.loads(text))
