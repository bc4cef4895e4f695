"""One row of a plan: what is meant to happen to a product, and what was read of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from campaigns.run.row import Row


class RowClass(StrEnum):
    """What planning made of an input row."""

    CHANGE = "change"
    SAME = "same"
    """The product is already as wanted."""
    NOT_MEANT = "not meant"
    """The filter left it out."""
    DISCONNECTED = "disconnected"
    UNTOUCHED = "left alone"
    """Undo: it was edited since."""
    STOPPED = "stopped"
    """A guard rail forbids it."""
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """JSON values throughout, as in the plan file."""

    kind: RowClass
    line: int
    id: int
    before: Mapping[str, Any] = field(default_factory=dict)
    """The fields that change, as they were read."""
    after: Mapping[str, Any] = field(default_factory=dict)
    clear: tuple[str, ...] = ()
    seen: Mapping[str, Any] = field(default_factory=dict)
    """What else was read, for guard rails and reports."""
    says: tuple[str, ...] = ()
    """Warnings of guard rails, or why the row does not change anything."""
    cells: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """A line of the plan file; what is empty is left out."""
        given = {
            "line": self.line,
            "before": dict(self.before),
            "after": dict(self.after),
            "clear": list(self.clear),
            "seen": dict(self.seen),
            "says": list(self.says),
            "cells": list(self.cells),
        }
        return {"id": self.id, "class": self.kind.value} | {
            name: value for name, value in given.items() if value
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> PlanRow:
        """From `document`."""
        return cls(
            RowClass(document["class"]),
            document.get("line", 0),
            document["id"],
            document.get("before", {}),
            document.get("after", {}),
            tuple(document.get("clear", ())),
            document.get("seen", {}),
            tuple(document.get("says", ())),
            tuple(document.get("cells", ())),
        )

    @property
    def row(self) -> Row:
        """What a run needs of it."""
        return Row(self.id, self.before, self.after, self.clear, self.seen.get("status"))
