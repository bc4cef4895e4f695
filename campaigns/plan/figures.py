"""What a reviewer looks at: largest moves, samples of each product, revenue by product, points."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from campaigns.guard_rails.rails import per_cent
from campaigns.plan.summary import moved, revenue
from campaigns.rows.planned_row import PlannedRow, RowClass

_LARGEST = 20
_SAMPLES = 3
_PRODUCTS = 200
_POINTS = 1500


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """A row by how far it moves the price."""

    distance: Decimal
    """Per cent without sign; rows without a rate before count as the farthest."""
    line: int
    row: PlannedRow = field(compare=False)


@dataclass
class Offer:
    """All changing rows of one product of the catalogue."""

    description: str
    rows: int = 0
    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)
    samples: list[PlannedRow] = field(default_factory=list)


@dataclass
class Figures:
    """Grows with `add`; of any number of rows only so much is kept."""

    largest: list[Move] = field(default_factory=list)
    """A heap; see `moves`."""
    offers: dict[int, Offer] = field(default_factory=dict)
    """By product id, the commonest first come; 0 gathers what is beyond 200 products."""
    points: list[tuple[float, float]] = field(default_factory=list)
    """Rates before and after, of a fair sample of the rows."""
    _seen: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - a sample

    @classmethod
    def of(cls, rows: Iterable[PlannedRow]) -> Figures:
        """Of the rows that change."""
        figures = cls()
        for row in rows:
            if row.kind is RowClass.CHANGE:
                figures.add(row)
        return figures

    def add(self, row: PlannedRow) -> None:
        """One more."""
        self._keep_if_large(row)
        self._add_to_offer(row)
        if "rate" in row.after and row.before.get("rate") is not None:
            self._sample((float(row.before["rate"]), float(row.after["rate"])))

    def moves(self) -> list[Move]:
        """The largest first."""
        return sorted(self.largest, reverse=True)

    def _keep_if_large(self, row: PlannedRow) -> None:
        if "rate" not in row.after:
            return
        change = moved(row)
        move = Move(Decimal("Infinity") if change is None else abs(change), -row.line, row)
        if len(self.largest) < _LARGEST:
            heapq.heappush(self.largest, move)
        else:
            heapq.heappushpop(self.largest, move)

    def _add_to_offer(self, row: PlannedRow) -> None:
        product = int(row.seen.get("product_id") or 0)
        if product not in self.offers and len(self.offers) >= _PRODUCTS:
            product = 0
        name = str(row.seen.get("description", "")) if product else "all others"
        offer = self.offers.setdefault(product, Offer(name))
        before, after = revenue(row)
        offer.rows += 1
        offer.before += before
        offer.after += after
        if len(offer.samples) < _SAMPLES:
            offer.samples.append(row)

    def _sample(self, point: tuple[float, float]) -> None:
        """Each row is in the sample with the same chance (Vitter's algorithm R)."""
        self._seen += 1
        if len(self.points) < _POINTS:
            self.points.append(point)
        elif (place := self._chance.randrange(self._seen)) < _POINTS:
            self.points[place] = point


def shown_move(row: PlannedRow) -> str:
    """The change of the rate in words for a table."""
    before, after = row.before.get("rate"), row.after.get("rate")
    if after is None:
        return ""
    change = per_cent(Decimal(before), Decimal(after)) if before is not None else None
    return "new" if change is None else f"{change:+.1f} %"
