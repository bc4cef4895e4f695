"""What all rows of a file together say, gathered row by row without keeping the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from campaigns.source.amounts import DecimalEvidence
from campaigns.source.carried import CarriedColumns
from campaigns.source.cells import CellReader, ParsedRow, Problem
from campaigns.source.columns import Columns, is_id, places_of
from campaigns.source.cut_rates import CutRates
from campaigns.source.first_mentions import FirstMentions, Mention
from campaigns.source.options import Rates, ReadOptions
from campaigns.source.table import CellKind, Form, ReadRow, place_of

_EXAMPLE_CHARACTERS = 40
_SHOWN_CHARACTERS = 60
# Of a row that cannot be read: no row asks for the same.
_UNKNOWN = 0
_NUMBERS = frozenset({Decimal, int})


@dataclass
class Findings:
    """Grows with `add`."""

    form: Form
    columns: Columns
    options: ReadOptions
    rows: int = 0
    without_wish: int = 0
    repeated: int = 0
    example: str = ""
    conflicts: set[int] = field(default_factory=set)
    days: dict[date | None, str] = field(default_factory=dict)
    """The days from which rows are meant to hold, each with the first row that names it."""
    currencies: dict[str, str] = field(default_factory=dict)
    """The currencies that rates are shown in, each with its first row."""
    second_table: str = ""
    """What is to be said of a row that names other columns than the header."""
    last_line: int = 0
    widest: int = 0
    evidence: DecimalEvidence = field(default_factory=DecimalEvidence)
    """Of the decimal sign of rates, new ones and believed ones."""
    _first: FirstMentions = field(default_factory=FirstMentions)

    def __post_init__(self) -> None:
        every = (self.columns.changes, self.columns.expected)
        self._rates = [places["rate"] for places in every if "rate" in places]
        self._watchers: list[CutRates | CarriedColumns] = [
            CutRates(self.form, self.columns),
            CarriedColumns(self.form, self.columns),
        ]
        self._unsettled = [watcher for watcher in self._watchers if not watcher.is_settled]

    def add(self, row: ReadRow, reader: CellReader) -> ParsedRow | list[Problem] | None:
        """One more row: what it asks for, or what is wrong with it; None: it repeats another."""
        self.rows += 1
        self.last_line = row.line
        self.widest = max(self.widest, len(row.cells))
        if not self.example and not "".join(row.cells).isascii():
            odd = (cell for cell in row.cells if not cell.isascii())
            self.example = next(odd, "")[:_EXAMPLE_CHARACTERS]
        if self._unsettled and (row.kinds or len(row.cells) <= self.columns.width):
            self._watch(row)
        self._look_for_decimals(row)
        if row.currencies:
            self._look_for_currencies(row)
        outcome = reader.read(row)
        if isinstance(outcome, ParsedRow):
            return outcome if self._is_first(outcome) else None
        if product := reader.id_of(row):
            self._note_faulty(product)
        elif not self.second_table:
            self._look_for_a_header(row)
        return outcome

    def effective(self) -> date | None:
        """The day that all rows name."""
        return next(iter(self.days), None) if self.columns.effective is not None else None

    def faults(self) -> Iterator[str]:
        """A line for each thing that leaves a doubt."""
        if len(self.days) > 1:
            named = "; ".join(f"{day or 'no day'} in {place}" for day, place in self.days.items())
            title = self.form.columns[self.columns.effective or 0]
            yield f"the rows name different days in {title} ({named}): plan each day's rows apart"
        if len(self.currencies) > 1 and self.options.rates is not Rates.STORED:
            named = ", ".join(
                f"{currency} in {place}" for currency, place in self.currencies.items()
            )
            yield (
                f"the rates are shown in several currencies ({named}): plan each currency's rows "
                "apart, or give --rates stored if only the numbers count"
            )
        if self.second_table:
            yield self.second_table
        for watcher in self._watchers:
            yield from watcher.faults()

    def _watch(self, row: ReadRow) -> None:
        for watcher in self._unsettled:
            watcher.add(row)
        self._unsettled = [watcher for watcher in self._unsettled if not watcher.is_settled]

    def _is_first(self, row: ParsedRow) -> bool:
        """Whether no earlier row says the same of the product."""
        if self.columns.effective is not None:
            self.days.setdefault(row.effective, place_of(row.line, row.sheet))
        match self._first.note(row.id, _mark(row)):
            case Mention.FIRST:
                self.without_wish += not row.has_wish
            case Mention.REPEATED:
                self.repeated += 1
                return False
            case Mention.CONFLICTING:
                self.conflicts.add(row.id)
        return True

    def _note_faulty(self, product: int) -> None:
        """What a faulty row asks for is not known: no other row of its product is planned."""
        if self._first.note(product, _UNKNOWN) is not Mention.FIRST:
            self.conflicts.add(product)

    def _look_for_a_header(self, row: ReadRow) -> None:
        titles = [cell for cell in row.cells if cell.strip()]
        others = places_of(row.cells).items() - places_of(self.form.columns).items()
        if others and any(map(is_id, titles)):
            self.second_table = (
                f"{place_of(row.line, row.sheet)} names other columns than the header, or in "
                f"another order ({', '.join(titles)[:_SHOWN_CHARACTERS]}): plan the two tables "
                "apart"
            )

    def _look_for_decimals(self, row: ReadRow) -> None:
        for place in self._rates:
            if place < len(row.cells) and row.kind(place) is not CellKind.NUMBER:
                self.evidence.add(row.cells[place].strip())

    def _look_for_currencies(self, row: ReadRow) -> None:
        for place in self._rates:
            if currency := row.currencies.get(place):
                self.currencies.setdefault(currency, place_of(row.line, row.sheet))


def _mark(row: ParsedRow) -> int:
    """A number that stands for what the row asks for: equal amounts are equal however written."""
    changes, expected = row.changes, row.expected
    # The numbers -1 and -2 have the same hash, unlike all others.
    odd = [value == -1 for value in changes.values() if value.__class__ in _NUMBERS]
    if not expected:
        return hash((*changes, *changes.values(), *odd, *row.clear, row.effective))
    odd += [value == -1 for value in expected.values() if value.__class__ in _NUMBERS]
    believed = (*expected, *expected.values())
    return hash((*changes, *changes.values(), *odd, *row.clear, row.effective, *believed))
