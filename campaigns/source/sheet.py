"""A workbook's sheet as every reader gives it, whatever the file's format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from math import isfinite
from typing import NamedTuple, Protocol, TypeVar

from openpyxl.utils.cell import get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from campaigns.source.number_format import (
    GENERAL,
    Shown,
    currency_of,
    is_date_format,
    shown,
    shows_part_of_a_day,
    text_shown,
)
from campaigns.source.table import CellKind, ReadRow

T = TypeVar("T")

# Excel itself computes with so many; what is beyond them is the noise of binary fractions.
_EXCEL_DIGITS = ".15g"
# So many are shown whole where no format says otherwise.
_GENERAL_DIGITS = 11


@dataclass(slots=True)
class SheetLayout:
    """What of a sheet's form matters; complete when its rows have been run through."""

    hidden_columns: set[int] = field(default_factory=set)
    """Places, counted from 0."""
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    """First row, first column, last row, last column: rows from 1, columns from 0."""
    restyled: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Where a conditional format may show numbers otherwise, or hide them; as `merged`."""


class Sheet(Protocol):
    """One sheet."""

    @property
    def name(self) -> str: ...
    @property
    def is_hidden(self) -> bool: ...
    @property
    def layout(self) -> SheetLayout: ...

    def rows(self) -> Iterator[ReadRow]:
        """Rows that hold anything, from the first on. Raises InputError."""


class Workbook(Protocol):
    """A workbook that was opened."""

    @property
    def kind(self) -> str:
        """In words."""

    @property
    def sheets(self) -> Sequence[Sheet]: ...


class SheetCell(NamedTuple):
    """A cell's content as text."""

    text: str = ""
    kind: CellKind = CellKind.BLANK
    shown: Shown | None = None
    """What it shows, if that is not the text."""
    currency: str = ""
    """The currency that a number is shown in."""


BLANK = SheetCell()
_NOTHING = Shown("nothing, as the sheet hides zeros", None)


def text_cell(text: str, code: str = GENERAL) -> SheetCell:
    """A text of that format, if it is one."""
    if not text:
        return BLANK
    return SheetCell(text, CellKind.TEXT, None if code == GENERAL else text_shown(code))


def number_cell(raw: str, code: str = GENERAL, *, from_1904: bool = False) -> SheetCell:
    """A number of that format, which may make it a date. Raises ValueError."""
    if code == GENERAL and raw.isdecimal() and len(raw) < _GENERAL_DIGITS:
        return SheetCell(raw, CellKind.NUMBER)
    return _formatted_cell(raw, code, from_1904=from_1904)


@lru_cache(maxsize=1 << 16)
def _formatted_cell(raw: str, code: str, *, from_1904: bool) -> SheetCell:
    number = float(raw)
    if not isfinite(number):
        # What programs write that have divided by zero.
        return SheetCell(raw, CellKind.ERROR)
    if is_date_format(code):
        return date_cell(_moment(number, from_1904=from_1904), code)
    stored = Decimal(format(number, _EXCEL_DIGITS))
    text = format(stored, "f")
    sight = shown(stored, code)
    has_zeros = len(sight.text.partition(".")[0]) > len(text.partition(".")[0])
    is_as_stored = sight.value == stored and not has_zeros
    return SheetCell(text, CellKind.NUMBER, None if is_as_stored else sight, currency_of(code))


def date_cell(moment: datetime | time | timedelta, code: str) -> SheetCell:
    """A day, or a day with its time."""
    if isinstance(moment, datetime):
        midnight = moment.time() == time(0)
        text = moment.date().isoformat() if midnight else f"{moment:%Y-%m-%d %H:%M}"
    else:
        text = str(moment)
    return iso_date_cell(text, code)


def iso_date_cell(text: str, code: str) -> SheetCell:
    """A day in ISO form, perhaps with its time."""
    is_partial = is_date_format(code) and shows_part_of_a_day(code)
    return SheetCell(text, CellKind.DATE, Shown(f"by the format {code}", None, is_partial))


def read_row(
    line: int,
    cells: Sequence[SheetCell],
    *,
    is_hidden: bool,
    computed: Sequence[int] = (),
    hides_zeros: bool = False,
) -> ReadRow:
    """The row of those cells, of which there are some.

    `computed`: the places of formulas. `hides_zeros`: the sheet shows nothing for a zero.
    """
    if hides_zeros:
        cells = [cell._replace(shown=_NOTHING) if _is_zero(cell) else cell for cell in cells]
    texts, kinds, sights, currencies = zip(*cells, strict=True)
    return ReadRow(
        line,
        texts,
        "".join(kinds),
        _by_place(sights) if any(sights) else {},
        is_hidden=is_hidden,
        currencies=_by_place(currencies) if any(currencies) else {},
        computed=tuple(computed),
    )


def _is_zero(cell: SheetCell) -> bool:
    return cell.kind is CellKind.NUMBER and not cell.text.strip("-0.")


def _by_place(values: Sequence[T]) -> dict[int, T]:
    return {place: value for place, value in enumerate(values) if value}


def place_name(column: int) -> str:
    """A column's letters, from its place."""
    return str(get_column_letter(column + 1))


def _moment(serial: float, *, from_1904: bool) -> datetime | time | timedelta:
    epoch = CALENDAR_MAC_1904 if from_1904 else CALENDAR_WINDOWS_1900
    moment = from_excel(serial, epoch)
    if isinstance(moment, datetime | time | timedelta):
        return moment
    raise ValueError(f"{serial} is not a day")
