"""A plan in figures, gathered row by row without keeping the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

from campaigns.guard_rails.rails import per_cent
from campaigns.plan.owners import Missing
from campaigns.rows.planned_row import PlannedRow, RowClass

EDGES = tuple(Decimal(number) for number in (-50, -20, -10, -5, -2, 0, 2, 5, 10, 20, 50))
"""Per cent: a bin holds changes from its lower edge on; the first has none, the last no upper."""
_NOT_A_RATE = "other fields"
_BINS = (
    f"below {EDGES[0]} %",
    *(f"{low} to {high} %" for low, high in pairwise(EDGES)),
    f"{EDGES[-1]} % and more",
    _NOT_A_RATE,
)


@dataclass
class Summary:
    """Grows with `add`."""

    rows: Counter[str] = field(default_factory=Counter)
    """By class."""
    before: Decimal = Decimal(0)
    """Rate times quantity of all changing rows, before, per billing period."""
    after: Decimal = Decimal(0)
    histogram: Counter[str] = field(default_factory=Counter)
    """Changing rows by the change of their rate; see `bin_of`."""
    says: Counter[str] = field(default_factory=Counter)
    """Rows by the guard rail that speaks of them: those that change, and those it stops."""
    fields: Counter[str] = field(default_factory=Counter)
    """Changing rows by the field that changes."""
    without_products: dict[str, Missing] = field(default_factory=dict)
    """By "customer" and "line": of those whose products were asked for, the ones without any."""
    not_undoable: Counter[str] = field(default_factory=Counter)
    """Changing rows that an undo could not restore, by reason."""
    crossed: dict[str, str] = field(default_factory=dict)
    """Guard rails that the plan as a whole crosses, in words."""
    stopped: Counter[str] = field(default_factory=Counter)
    """Rows by the guard rail that stops them."""

    @property
    def changes(self) -> int:
        """Rows that will be sent."""
        return self.rows[RowClass.CHANGE]

    @property
    def crossed_rows(self) -> Counter[str]:
        """Changing rows by the guard rail that speaks of them."""
        return self.says - self.stopped

    @property
    def faulty(self) -> int:
        """Rows that somebody must fix or leave out."""
        return self.rows[RowClass.PROBLEM] + self.rows[RowClass.STOPPED]

    def add(self, row: PlannedRow) -> None:
        """One more row."""
        self.rows[row.kind] += 1
        if row.kind in {RowClass.CHANGE, RowClass.STOPPED}:
            self.says.update(rails := {said.partition(":")[0] for said in row.says})
            if row.kind is RowClass.STOPPED:
                self.stopped.update(rails)
        if row.kind is RowClass.CHANGE:
            before, after = revenue(row)
            self.before += before
            self.after += after
            self.histogram[bin_of(row)] += 1
            self.fields.update((*row.after, *row.clear))
            if row.not_undoable:
                self.not_undoable[row.not_undoable] += 1

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "rows": dict(self.rows),
            "revenue_before": str(self.before),
            "revenue_after": str(self.after),
            "histogram": dict(self.histogram),
            "says": dict(self.says),
            "stopped": dict(self.stopped),
            "fields": dict(self.fields),
            "without_products": {
                kind: asdict(missing) for kind, missing in self.without_products.items()
            },
            "not_undoable": dict(self.not_undoable),
            "crossed": self.crossed,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Summary:
        """From `document`."""
        return cls(
            Counter(document["rows"]),
            Decimal(document["revenue_before"]),
            Decimal(document["revenue_after"]),
            Counter(document["histogram"]),
            Counter(document["says"]),
            Counter(document["fields"]),
            {
                kind: Missing(missing["count"], tuple(missing["first"]))
                for kind, missing in document.get("without_products", {}).items()
            },
            Counter(document.get("not_undoable", {})),
            document.get("crossed", {}),
            Counter(document.get("stopped", {})),
        )


def revenue(row: PlannedRow) -> tuple[Decimal, Decimal]:
    """Rate times quantity, before and after; an empty field counts as zero."""
    rate, quantity = row.seen.get("rate"), row.seen.get("quantity")
    before = Decimal(rate or 0) * (quantity or 0)
    new_rate = None if "rate" in row.clear else row.after.get("rate", rate)
    new_quantity = None if "quantity" in row.clear else row.after.get("quantity", quantity)
    return before, Decimal(new_rate or 0) * (new_quantity or 0)


def moved(row: PlannedRow) -> Decimal | None:
    """The rate's change in per cent; None if the rate stays, or rises from nothing."""
    if "rate" not in row.after or row.before.get("rate") is None:
        return None
    return per_cent(Decimal(row.before["rate"]), Decimal(row.after["rate"]))


def bins() -> tuple[str, ...]:
    """The names of all bins, in order."""
    return _BINS


def bin_of(row: PlannedRow) -> str:
    """The name of the row's bin."""
    change = moved(row)
    if change is None:
        return _NOT_A_RATE
    return _BINS[sum(change >= edge for edge in EDGES)]
