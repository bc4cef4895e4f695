"""What an undo leaves alone or cannot restore: counted, with examples, and in a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from campaigns.output.row_file import AddRow, open_rows
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.source.table import Form

_SHOWN = 20
_HEADER = ("id", "customer_id", "what", "says", "billed_through", "charged_more")


class Why(StrEnum):
    """Why a product is listed."""

    EDITED = "edited"
    """Somebody has changed it since, or it is gone: it is left alone."""
    BILLED = "billed"
    """It was billed with the new values: a credit is due, or a charge."""
    NOT_UNDONE = "not_undone"
    """A field cannot be read, so what it was before is not known; or its row cannot be planned."""


@dataclass(frozen=True, slots=True)
class LeftRow:
    """One product."""

    why: Why
    id: int
    customer_id: int | None
    says: str = ""
    """What it shows, or why it stays."""
    billed_through: str = ""
    charged_more: Decimal | None = None
    """Rate times quantity, new less old, per billing period."""


@dataclass
class UndoReport:
    """Grows with `add`; keeps a few of any number of products, and writes all with `add_row`."""

    counts: Counter[Why] = field(default_factory=Counter)
    examples: dict[Why, list[LeftRow]] = field(default_factory=dict)
    charged_more: Decimal = Decimal(0)
    """Sum over all products that were billed, per billing period."""
    add_row: AddRow | None = None
    decimal_comma: bool = False

    def add(self, row: LeftRow) -> None:
        """One more."""
        self.counts[row.why] += 1
        self.charged_more += row.charged_more or 0
        examples = self.examples.setdefault(row.why, [])
        if len(examples) < _SHOWN:
            examples.append(row)
        if self.add_row:
            self.add_row(list(self._cells(row)))

    def note(self, row: PlannedRow) -> None:
        """A row of the undo's plan: one that the plan leaves out is left as a whole.

        Half of it taken back would be a state that nobody has ever wanted.
        """
        if row.kind in {RowClass.PROBLEM, RowClass.STOPPED}:
            says = f"nothing of it is taken back: {'; '.join(row.says)}"
            self.add(LeftRow(Why.NOT_UNDONE, row.id, row.seen.get("customer_id"), says))

    def of(self, why: Why) -> Sequence[LeftRow]:
        """The first few of them."""
        return self.examples.get(why, ())

    def _cells(self, row: LeftRow) -> Iterator[str]:
        more = "" if row.charged_more is None else f"{row.charged_more:f}"
        given = (row.id, row.customer_id, row.why.value, row.says, row.billed_through)
        yield from ("" if value is None else str(value) for value in given)
        yield more.replace(".", ",") if self.decimal_comma else more


@contextmanager
def reporting(form: Form, to: Path | None) -> Iterator[UndoReport]:
    """A report that is also written to the file `to`, in the form of the run's input."""
    if to is None:
        yield UndoReport()
        return
    own_form = replace(form, fields={})
    with open_rows(to, own_form, _HEADER) as add_row:
        yield UndoReport(add_row=add_row, decimal_comma=form.decimal_comma)
