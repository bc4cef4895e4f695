"""A product that another run has changed or will change: the same intent, perhaps applied twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecentChange:
    """What a run has done to a product, or is still to do."""

    run: str
    rule: str
    """By which rule or list."""
    at: float | None
    """Unix time, seconds; None if it is still to come."""
    status: str = ""
    """The run's status, if the change is still to come."""
    is_certain: bool = True
    """False: the update was sent, and nothing proves what became of it."""
    is_as_planned: bool = False
    """Whether the product has read back just as the run wanted it."""

    def in_words(self, show_time: Callable[[float], str]) -> str:
        """With run, time and rule."""
        if self.at is None:
            return f"run {self.run} ({self.status}) is to change it by {self.rule}"
        changed = "changed it" if self.is_certain else "may have changed it"
        return f"run {self.run} {changed} at {show_time(self.at)} by {self.rule}"


RecentChanges = Callable[[int], RecentChange | None]
"""The latest change of a product within the period that is looked at; None if there is none."""


def no_recent_changes(_: int) -> None:
    """For callers that know of no run."""
