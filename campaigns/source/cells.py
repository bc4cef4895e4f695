"""From the cells of a row to values of a product's fields, or to what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple, TypeGuard

from campaigns.source.amounts import AmountError, DecimalSign
from campaigns.source.cell_values import CellError, day, flag, product_id, whole
from campaigns.source.columns import EFFECTIVE, Columns
from campaigns.source.options import Rates
from campaigns.source.quoting import NOT_QUOTING, half_quoted, holds_records
from campaigns.source.shown_checks import check_shown, check_text, check_whole
from campaigns.source.table import CellKind, Form, ReadRow
from campaigns.source.text_faults import text_fault

CLEAR = "(clear)"
"""What a cell says to empty the field; an empty cell leaves it as it is."""

_CLEAR = re.compile(r"\s*\(\s*clear\s*\)\s*", re.IGNORECASE)
_COUNTS = frozenset({"id", "quantity", "do_not_prorate"})
"""Fields whose numbers must be shown as they are."""
_AMOUNTS = frozenset({"rate", "quantity"})
_DAYS = frozenset({"activated_date", "disconnect_date", EFFECTIVE})
_TEXTS = frozenset({"description", "code1", "code2", "status"})
_SHOWN_CHARACTERS = 60
_UNCOMPUTED = (
    "formula without its value (open the file in the spreadsheet program and save it there, or "
    "paste values over the formulas)"
)

_FORMULA = "a formula instead of its value (put an apostrophe before it if it is a text)"


def says_clear(text: str) -> bool:
    """Whether the text stands for an empty field."""
    return "(" in text and _CLEAR.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one row."""

    kind: str
    """In words, without the row's own values: problems are grouped by it."""
    line: int
    column: str = ""
    value: str = ""
    sheet: str = ""


class ParsedRow(NamedTuple):
    """What one row asks for."""

    line: int
    id: int
    changes: Mapping[str, Any] = MappingProxyType({})
    """By contract name: Decimal, int, str, date or bool."""
    clear: tuple[str, ...] = ()
    expected: Mapping[str, Any] = MappingProxyType({})
    """What the author believed the product to have, by contract name; None: an empty field."""
    effective: date | None = None
    cells: tuple[str, ...] = ()
    sheet: str = ""

    @property
    def has_wish(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.changes or self.clear)


@dataclass(frozen=True, slots=True)
class CellReader:
    """How the cells of a file are read."""

    form: Form
    columns: Columns
    decimal: DecimalSign = field(default_factory=DecimalSign)
    rates: Rates | None = None
    """Which value counts where a rate's cell shows another than it holds."""
    asks_encoding: bool = False
    """Whether the encoding was guessed, so that texts beyond ASCII cannot be relied on."""
    _places: frozenset[int] = field(init=False)
    """Of the columns that are used."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", frozenset(self.columns.used()))

    def read(self, row: ReadRow) -> ParsedRow | list[Problem]:
        """The row, or everything that is wrong with it."""
        if fault := self._misfit(row):
            return [fault]
        columns, cells = self.columns, row.cells
        if len(cells) < columns.width:
            cells = (*cells, *("",) * (columns.width - len(cells)))
        problems: list[Problem] = []
        product = self._value("id", row, columns.id, cells[columns.id], problems)
        changes: dict[str, Any] = {}
        clear: tuple[str, ...] = ()
        for name, place in columns.changes.items():
            if says_clear(cell := cells[place]):
                clear += (name,)
            elif cell and not cell.isspace():
                believed = columns.expected.get(name)
                is_new = believed is None or cells[believed] != cell
                changes[name] = self._value(name, row, place, cell, problems, is_new=is_new)
        expected = self._expected(row, cells, problems) if columns.expected else {}
        effective, since = None, columns.effective
        if since is not None and cells[since].strip():
            effective = self._value(EFFECTIVE, row, since, cells[since], problems)
        if problems:
            return problems
        if not isinstance(product, int):
            return [Problem("no id", row.line, self.form.columns[columns.id], "", row.sheet)]
        if row.kinds and self.decimal.sign == ",":
            cells = self._without_points(row, cells, self.columns.changes, changes)
            cells = self._without_points(row, cells, self.columns.expected, expected)
        return ParsedRow(row.line, product, changes, clear, expected, effective, cells, row.sheet)

    def _without_points(
        self,
        row: ReadRow,
        cells: tuple[str, ...],
        places: Mapping[str, int],
        values: Mapping[str, Any],
    ) -> tuple[str, ...]:
        """The cells, with texts such as 1.250 in the plain form of the number that they stand for.

        In what we write they would not be told from numbers, whose decimal sign is a point.
        """
        plain = {
            place: format(Decimal(value), "f")
            for name, value in values.items()
            if name in _AMOUNTS
            and value is not None
            and "." in cells[place := places[name]]
            and row.kind(place) is CellKind.TEXT
        }
        return tuple(plain.get(place, cell) for place, cell in enumerate(cells))

    def _expected(
        self, row: ReadRow, cells: tuple[str, ...], problems: list[Problem]
    ) -> dict[str, Any]:
        return {
            name: None
            if says_clear(cell)
            else self._value(name, row, place, cell, problems, is_new=False)
            for name, place in self.columns.expected.items()
            if (cell := cells[place]) and not cell.isspace()
        }

    def id_of(self, row: ReadRow) -> int | None:
        """Of a row with problems: the product that it names, if that can be read."""
        place = self.columns.id
        if place >= len(row.cells):
            return None
        product = self._value("id", row, place, row.cells[place], [])
        return product if isinstance(product, int) else None

    def _misfit(self, row: ReadRow) -> Problem | None:
        """Why the row does not fit the header."""
        width, cells = self.columns.width, row.cells
        if len(cells) > width and (any(cells[width:]) if row.kinds else True):
            says = "more cells than columns (is a comma inside a number or a text?)"
            more = next(filter(None, cells[width:]), "")
            return Problem(says, row.line, "", more[:_SHOWN_CHARACTERS], row.sheet)
        if not row.kinds and len(cells) < width and max(self._places) >= len(cells):
            missing = self.form.columns[len(cells)]
            return Problem("fewer cells than columns", row.line, missing, "", row.sheet)
        if not row.kinds and (cell := half_quoted(cells, self._places)):
            return Problem(NOT_QUOTING, row.line, "", cell[:_SHOWN_CHARACTERS], row.sheet)
        if row.last_line > row.line and holds_records(cells, self.form.delimiter, self.columns.id):
            says = "one cell over several lines that look like rows (is a quotation mark missing?)"
            return Problem(says, row.line, "", f"lines {row.line} to {row.last_line}", row.sheet)
        return None

    def _value(
        self,
        name: str,
        row: ReadRow,
        place: int,
        cell: str,
        problems: list[Problem],
        *,
        is_new: bool = True,
    ) -> Any:  # noqa: ANN401 - as the field has it
        """The value, or None after a problem was added. `is_new`: a wish, no expected value."""
        try:
            kind = self._kind(name, row, place) if row.kinds or row.formulas else None
            text = cell.strip()
            if name == "rate":
                return self._rate(row, place, text, kind)
            if name in _TEXTS:
                text = self._text(row, place, text, kind)
                return self._checked(text) if is_new else text
            if name == "quantity" and self.decimal.is_stated and kind is not CellKind.NUMBER:
                text = self._ungrouped(text)
            return _PARSERS[name][0](text)
        except CellError as exc:
            title, value = self.form.columns[place], exc.value or cell
            says = f"{exc.kind} in {title}"
            problems.append(Problem(says, row.line, title, value[:_SHOWN_CHARACTERS], row.sheet))
            return None

    def _kind(self, name: str, row: ReadRow, place: int) -> CellKind | None:
        """What the cell holds, if the column can hold that. Raises CellError."""
        if place in row.formulas:
            raise CellError(_FORMULA)
        if not row.kinds:
            return None
        kind = row.kind(place)
        if kind is CellKind.TEXT:
            check_text(row, place)
            return kind
        if kind is CellKind.UNCOMPUTED:
            raise CellError(_UNCOMPUTED)
        if kind is CellKind.ERROR:
            raise CellError("a spreadsheet's error instead of a value")
        if name in _COUNTS and kind is CellKind.NUMBER:
            check_shown(row, place)
        if name in _DAYS and kind is CellKind.DATE:
            check_whole(row, place)
        if name in _PARSERS and _is_foreign(kind, _PARSERS[name][1]):
            raise CellError(f"a {_KIND_WORDS[kind]} is not what the column holds")
        return kind

    def _text(self, row: ReadRow, index: int, text: str, kind: CellKind | None) -> str:
        if kind in _KIND_WORDS:
            shown = row.shown[index].text if index in row.shown else text
            raise CellError(
                f"a {_KIND_WORDS[kind]} in a column of texts, so that what was typed cannot be "
                "known (format the column as text and type it again)",
                f"shown {shown}, holds {text}",
            )
        return text

    def _checked(self, text: str) -> str:
        """A text that is to be written. Raises CellError."""
        if fault := text_fault(text):
            raise CellError(fault)
        if self.asks_encoding and not text.isascii():
            raise CellError("a text in a guessed encoding (--encoding states it)")
        return text

    def _ungrouped(self, text: str) -> str:
        """A quantity without the signs between its thousands; anything else as it stands."""
        try:
            amount = self.decimal.read(text)
        except AmountError:
            return text
        return format(amount.normalize(), "f")

    def _rate(self, row: ReadRow, index: int, text: str, kind: CellKind | None) -> Decimal:
        if kind in {CellKind.DATE, CellKind.FLAG}:
            raise CellError(f"a {_KIND_WORDS[kind]} instead of a rate")
        sign = self.decimal
        if kind is CellKind.NUMBER:
            sign, text = _STORED, self._shown_or_stored(row, index, text)
        try:
            return sign.read(text)
        except AmountError as exc:
            raise CellError(str(exc)) from None

    def _shown_or_stored(self, row: ReadRow, index: int, text: str) -> str:
        shown = row.shown.get(index)
        if shown is None or shown.value == Decimal(text) or self.rates is Rates.STORED:
            return text
        both = f"shown {shown.text}, holds {text}"
        if self.rates is None:
            what = "a number shown otherwise than it is stored (--rates shown or stored)"
            raise CellError(what, both)
        if shown.value is None:
            raise CellError("a number shown as something else (--rates stored)", both)
        return format(shown.value, "f")


def _is_foreign(kind: CellKind | None, own: CellKind) -> TypeGuard[CellKind]:
    return kind in {CellKind.DATE, CellKind.FLAG} and kind is not own


_STORED = DecimalSign(is_proved=True)
"""Numbers of a workbook, whose decimal sign is always a point."""


_KIND_WORDS = {CellKind.NUMBER: "number", CellKind.DATE: "date", CellKind.FLAG: "yes-or-no value"}
_PARSERS: Mapping[str, tuple[Callable[[str], object], CellKind]] = {
    "id": (product_id, CellKind.NUMBER),
    "quantity": (whole, CellKind.NUMBER),
    "activated_date": (day, CellKind.DATE),
    "disconnect_date": (day, CellKind.DATE),
    EFFECTIVE: (day, CellKind.DATE),
    "do_not_prorate": (flag, CellKind.FLAG),
}
