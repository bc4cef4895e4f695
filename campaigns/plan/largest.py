"""The largest of many rows, and totals by customer or product, in little memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from campaigns.rows.planned_row import PlannedRow

_Ranked = tuple[Decimal, int, PlannedRow]
"""Size, minus the row's place, row: of rows of one size the first is the largest."""


@dataclass
class Largest:
    """Keeps `most` rows."""

    most: int
    count: int = 0
    """Rows that were added."""
    _heap: list[_Ranked] = field(default_factory=list)

    def add(self, size: Decimal, row: PlannedRow) -> None:
        """Add a row, ranked by the size of its change."""
        distance, place = abs(size), self.count
        self.count += 1
        if place < self.most:
            heapq.heappush(self._heap, (distance, -place, row))
        elif distance > self._heap[0][0]:
            heapq.heapreplace(self._heap, (distance, -place, row))

    def rows(self) -> list[PlannedRow]:
        """The largest first."""
        return [row for _, _, row in sorted(self._heap, reverse=True)]

    def in_order(self) -> list[PlannedRow]:
        """As they were added."""
        return [row for _, _, row in sorted(self._heap, key=lambda ranked: -ranked[1])]

    @property
    def is_complete(self) -> bool:
        """Whether it has all rows."""
        return self.count <= self.most


@dataclass(slots=True)
class Total:
    """What all rows of one customer or product change together, per billing period."""

    name: str = ""
    rows: int = 0
    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)

    @property
    def moved(self) -> Decimal:
        """New revenue less old."""
        return self.after - self.before


OTHERS = 0
"""The id of the bucket for everything beyond the limit."""


@dataclass
class Totals:
    """By id, of at most so many; the others are gathered in one."""

    most: int
    _by_id: dict[int, Total] = field(default_factory=dict)

    def add(self, key: int, name: str, before: Decimal, after: Decimal) -> None:
        """One more row of that customer or product."""
        if key not in self._by_id and len(self._by_id) >= self.most:
            key, name = OTHERS, "all others"
        total = self._by_id.setdefault(key, Total(name))
        total.rows += 1
        total.before += before
        total.after += after

    def largest(self, most: int) -> list[tuple[int, Total]]:
        """The totals, largest change first."""
        return heapq.nlargest(most, self._by_id.items(), key=lambda item: abs(item[1].moved))

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[tuple[int, Total]]:
        return iter(self._by_id.items())
