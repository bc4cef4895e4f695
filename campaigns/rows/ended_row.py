"""An ended row: what became of a planned row in its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_MOST_CHARACTERS = 200
_AROUND = ".,:;()'\""
UNCERTAIN = "OutcomeUnknown"
"""The error of a row that was sent, and nothing proves what became of it."""


class RowOutcome(StrEnum):
    """How a row ended."""

    APPLIED = "applied"
    FAILED = "failed"
    DRIFTED = "drifted"
    """Its before-values no longer held; left alone."""
    SUPERSEDED = "superseded"
    """A later job had set the fields; left alone."""
    ALREADY_DONE = "already"
    """It had the new values before anything was sent."""
    DIFFERS = "differs"
    """It was applied, and read back otherwise."""


@dataclass(frozen=True, slots=True)
class EndedRow:
    """How a row ended; `detail` says why, where there is something to say."""

    index: int
    """The row's place in the run."""
    outcome: RowOutcome
    at: float
    """Unix time, seconds."""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def error_words(self) -> str:
        """What failed rows are counted by: the error's words without the numbers in them.

        The same error about other products counts as the same. "" for a row that did not fail.
        """
        if self.outcome is not RowOutcome.FAILED:
            return ""
        text = f"{self.detail.get('error')}: {self.detail.get('says')}"
        words = ("…" if word.strip(_AROUND).isdigit() else word for word in text.split())
        return " ".join(words)[:_MOST_CHARACTERS]
