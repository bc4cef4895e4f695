"""What all rows of a file together say, gathered row by row without keeping the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from campaigns.source.amounts import DecimalEvidence
from campaigns.source.cells import CellReader, ParsedRow
from campaigns.source.columns import Columns
from campaigns.source.options import HiddenRows, Rates, ReadOptions
from campaigns.source.table import OUTCOME_PREFIX, CellKind, Form, ReadRow
from campaigns.source.wishes import FirstWishes

_SHOWN_LINES = 5
_EXAMPLE_CHARACTERS = 40
_CENTS_DIGITS = 2
# A sheet has at most 2^20 rows; lines of several sheets are kept apart in one number.
_SHEET_BITS = 21


@dataclass
class Findings:
    """Grows with `add`."""

    form: Form
    columns: Columns
    options: ReadOptions
    rows: int = 0
    without_wish: int = 0
    repeated: int = 0
    hidden: int = 0
    hidden_lines: list[str] = field(default_factory=list)
    example: str = ""
    conflicts: set[int] = field(default_factory=set)
    days: dict[date | None, str] = field(default_factory=dict)
    """The days from which rows are meant to hold, each with the first row that names it."""
    cents: dict[int, bool] = field(default_factory=dict)
    """Columns beside the rate that could be its cents, and whether a row has such a cell."""
    currencies: dict[str, str] = field(default_factory=dict)
    """The currencies that rates are shown in, each with its first row."""
    last_line: int = 0
    widest: int = 0
    evidence: DecimalEvidence = field(default_factory=DecimalEvidence)
    """Of the decimal sign of rates, new ones and believed ones."""
    _wishes: FirstWishes = field(default_factory=FirstWishes)
    _sheets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        place = self.columns.changes.get("rate")
        beside = None if place is None else place + 1
        if beside is not None and self._could_hold_cents(beside):
            self.cents[beside] = False

    def add(self, row: ReadRow, reader: CellReader) -> None:
        """One more row."""
        if row.is_hidden:
            self.hidden += 1
            if len(self.hidden_lines) < _SHOWN_LINES:
                self.hidden_lines.append(_place(row.line, row.sheet))
            if self.options.hidden_rows is HiddenRows.SKIP:
                return
        self.rows += 1
        self.last_line = row.line
        self.widest = max(self.widest, len(row.cells))
        if not self.example:
            odd = (cell for cell in row.cells if not cell.isascii())
            self.example = next(odd, "")[:_EXAMPLE_CHARACTERS]
        self._look_for_cents(row)
        self._look_for_decimals(row)
        if row.currencies:
            self._look_for_currencies(row)
        parsed = reader.read(row)
        if isinstance(parsed, ParsedRow):
            self._note(parsed)

    def effective(self) -> date | None:
        """The day that all rows name."""
        return next(iter(self.days), None) if self.columns.effective is not None else None

    def faults(self) -> Iterator[str]:
        """A line for each thing that leaves a doubt."""
        if not self.rows and not self.hidden:
            yield "the file has no rows beside its header"
        if self.hidden and self.options.hidden_rows is None:
            lines = ", ".join(self.hidden_lines)
            more = ", …" if self.hidden > len(self.hidden_lines) else ""
            rows = "1 row is" if self.hidden == 1 else f"{self.hidden:,} rows are"
            yield (
                f"{rows} hidden, or left out by a filter ({lines}{more}): say whether they are "
                "meant with --hidden-rows plan or --hidden-rows skip"
            )
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
        for place in (place for place, is_there in self.cents.items() if is_there):
            title, rate = self.form.columns[place], self.form.columns[place - 1]
            is_used = place in self.columns.used()
            way_out = f'--map "{title}={title}"' if is_used else f'--ignore-column "{title}"'
            yield (
                f"all of {rate} is whole, and {title!r} beside it could be its cents: if a comma "
                f"has cut the rates, correct them; if not, give {way_out}"
            )

    def _note(self, row: ParsedRow) -> None:
        if self.columns.effective is not None:
            self.days.setdefault(row.effective, _place(row.line, row.sheet))
        first, is_same = self._wishes.note(row.id, self._number(row), _mark(row))
        if first == self._number(row):
            self.without_wish += not row.has_wish
        elif is_same:
            self.repeated += 1
        else:
            self.conflicts.add(row.id)

    def _look_for_decimals(self, row: ReadRow) -> None:
        for places in (self.columns.changes, self.columns.expected):
            place = places.get("rate", len(row.cells))
            if place < len(row.cells) and row.kind(place) is not CellKind.NUMBER:
                self.evidence.add(row.cells[place].strip())

    def _look_for_currencies(self, row: ReadRow) -> None:
        for places in (self.columns.changes, self.columns.expected):
            if currency := row.currencies.get(places.get("rate", -1)):
                self.currencies.setdefault(currency, _place(row.line, row.sheet))

    def _number(self, row: ParsedRow) -> int:
        if not row.sheet:
            return row.line
        if row.sheet not in self._sheets:
            self._sheets.append(row.sheet)
        return (self._sheets.index(row.sheet) << _SHEET_BITS) + row.line

    def _could_hold_cents(self, place: int) -> bool:
        return (
            place < self.columns.width
            and place not in self.columns.ignored
            and place not in self.columns.stated
            and not self.form.columns[place].lower().startswith(OUTCOME_PREFIX)
            and (place not in self.columns.used() or self.form.delimiter == ",")
        )

    def _look_for_cents(self, row: ReadRow) -> None:
        for place in tuple(self.cents):
            rate, cents = (cell.strip() for cell in (*row.cells, "", "")[place - 1 : place + 1])
            if row.kinds or (rate and not rate.lstrip("+-").isdecimal()):
                del self.cents[place]
            elif rate and _is_cents(cents):
                self.cents[place] = True
            elif rate and cents:
                del self.cents[place]


def _is_cents(text: str) -> bool:
    return text.isdecimal() and len(text) == _CENTS_DIGITS


def _mark(row: ParsedRow) -> int:
    """A number that stands for what the row asks for: equal amounts are equal however written."""
    # Hashes of numbers are not for this: that of -1 is that of -2.
    wishes = [
        f"{name} {value.normalize() if isinstance(value, Decimal) else value}"
        for name, value in row.changes.items()
    ]
    return hash((*wishes, *row.clear, row.effective))


def _place(line: int, sheet: str) -> str:
    return f"{sheet} line {line}" if sheet else f"line {line}"
