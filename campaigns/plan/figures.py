"""What a reviewer looks at: largest moves, samples of each product, totals, points of a plot."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from campaigns.guard_rails.rails import per_cent
from campaigns.plan.largest import Largest, Totals
from campaigns.plan.summary import moved, revenue
from campaigns.rows.planned_row import PlannedRow, RowClass

_LARGEST = 20
_SAMPLES = 3
_SAMPLED_PRODUCTS = 200
_PRODUCTS = 20_000
_CUSTOMERS = 100_000
_POINTS = 1500
_EXAMPLES = 200
SHOWN_ROWS = 2000
"""Changing rows that a page shows; a workbook has all."""


@dataclass
class Figures:
    """Grows with `add`; keeps a bounded part of any number of rows."""

    by_percent: Largest = field(default_factory=lambda: Largest(_LARGEST))
    """By the change of the rate; a rate that rises from nothing is the largest."""
    by_money: Largest = field(default_factory=lambda: Largest(SHOWN_ROWS))
    """The rows with the largest change of revenue; all rows, if there are fewer."""
    customers: Totals = field(default_factory=lambda: Totals(_CUSTOMERS))
    products: Totals = field(default_factory=lambda: Totals(_PRODUCTS))
    """The product's id in the catalogue."""
    samples: dict[int, list[PlannedRow]] = field(default_factory=dict)
    """A few rows of each product of the catalogue, of the first 200."""
    not_undoable: list[PlannedRow] = field(default_factory=list)
    """The first of them; the plan's summary counts all."""
    warned: dict[str, list[PlannedRow]] = field(default_factory=dict)
    """The first changing rows that each guard rail speaks of."""
    stopped: dict[str, list[PlannedRow]] = field(default_factory=dict)
    """The first rows that each guard rail stops."""
    points: list[tuple[float, float]] = field(default_factory=list)
    """Rates before and after, of a fair sample of the rows."""
    _seen: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - a sample

    @classmethod
    def of(cls, rows: Iterable[PlannedRow]) -> Figures:
        """Of the rows that change, and examples of those that a guard rail stops."""
        figures = cls()
        for row in rows:
            if row.kind is RowClass.CHANGE:
                figures.add(row)
            elif row.kind is RowClass.STOPPED:
                _keep_example(figures.stopped, row)
        return figures

    def add(self, row: PlannedRow) -> None:
        """One more."""
        before, after = revenue(row)
        self.by_money.add(after - before, row)
        product = int(row.seen.get("product_id") or 0)
        description = str(row.seen.get("description", ""))
        self.products.add(product, description, before, after)
        self.customers.add(int(row.seen.get("customer_id") or 0), "", before, after)
        self._add_sample(product, row)
        self._add_rate(row)
        if row.not_undoable and len(self.not_undoable) < _EXAMPLES:
            self.not_undoable.append(row)
        _keep_example(self.warned, row)

    def _add_rate(self, row: PlannedRow) -> None:
        if "rate" not in row.after:
            return
        change = moved(row)
        self.by_percent.add(Decimal("Infinity") if change is None else change, row)
        if row.before.get("rate") is not None:
            self._add_point((float(row.before["rate"]), float(row.after["rate"])))

    def _add_sample(self, product: int, row: PlannedRow) -> None:
        if product not in self.samples and len(self.samples) >= _SAMPLED_PRODUCTS:
            return
        samples = self.samples.setdefault(product, [])
        if len(samples) < _SAMPLES:
            samples.append(row)

    def _add_point(self, point: tuple[float, float]) -> None:
        """Every row has the same chance to be in the sample (Vitter's algorithm R)."""
        self._seen += 1
        if len(self.points) < _POINTS:
            self.points.append(point)
        elif (place := int(self._chance.random() * self._seen)) < _POINTS:
            self.points[place] = point


def _keep_example(examples: dict[str, list[PlannedRow]], row: PlannedRow) -> None:
    for said in row.says:
        rows = examples.setdefault(said.partition(":")[0], [])
        if len(rows) < _SAMPLES:
            rows.append(row)


def shown_move(row: PlannedRow) -> str:
    """The change of the rate in words for a table."""
    before, after = row.before.get("rate"), row.after.get("rate")
    if after is None:
        return ""
    change = per_cent(Decimal(before), Decimal(after)) if before is not None else None
    return "new" if change is None else f"{change:+.1f} %"
