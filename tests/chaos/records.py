"""What the producers have recorded of their submissions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Line = Mapping[str, Any]


@dataclass
class Records:
    """By kind of producer, a line per submission."""

    client: list[Line] = field(default_factory=list)
    raw: list[Line] = field(default_factory=list)
    canvases: list[Line] = field(default_factory=list)
    queries: list[Line] = field(default_factory=list)

    @property
    def sent(self) -> set[int]:
        """Numbers of the updates that were certainly submitted; of a canvas, its first."""
        canvases = (line for line in self.canvases if line["task"])
        return {line["number"] for line in (*self.client, *self.raw, *canvases)}

    @classmethod
    def read(cls, files: Iterable[tuple[str, Path]]) -> Records:
        """From files by kind."""
        records = cls()
        for kind, path in files:
            getattr(records, kind).extend(line for line in lines_of(path) if "done" not in line)
        return records


def lines_of(path: Path) -> list[dict[str, Any]]:
    """What a producer has recorded so far."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def repair(path: Path) -> int:
    """Cut off the line in which the producer was killed. Returns the number of whole lines."""
    if not path.exists():
        return 0
    whole, newline, _ = path.read_text(encoding="utf-8").rpartition("\n")
    path.write_text(whole + newline, encoding="utf-8")
    return whole.count("\n") + 1 if newline else 0
