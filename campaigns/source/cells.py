"""From the text of a cell to a value of a product's field, or to what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from campaigns.source.table import Columns, Form, ReadRow

CLEAR = "(clear)"
"""What a cell says to empty the field; an empty cell leaves it as it is."""

_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_MAX_DECIMALS = 4
_INT32_MAX = 2**31 - 1
_MAX_DIGITS = 19
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_SHOWN_CHARACTERS = 60
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"})
_UNCOMPUTED = (
    "formula without its value (open the file in the spreadsheet program and save it there, or "
    "paste values over the formulas)"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in one row."""

    kind: str
    """In words, without the row's own values: problems are grouped by it."""
    line: int
    column: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """What one row asks for."""

    line: int
    id: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    """By contract name: Decimal, int, str, date or bool."""
    clear: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    expected: Mapping[str, Any] = field(default_factory=dict)
    """What the author believes the product to have, by contract name; None: an empty field."""


class CellError(ValueError):
    """A cell's text is no value of its column; the text is a problem's kind."""


def read_row(row: ReadRow, columns: Columns, form: Form) -> ParsedRow | list[Problem]:
    """The row, or everything that is wrong with it."""
    if len(row.cells) > columns.width and any(row.cells[columns.width :]):
        return [Problem("more cells than columns", row.line, "", row.cells[columns.width])]
    cells = (*row.cells[: columns.width], *("",) * (columns.width - len(row.cells)))
    problems: list[Problem] = []
    changes: dict[str, Any] = {}

    def read(name: str, index: int) -> object:
        try:
            if index in row.uncomputed:
                raise CellError(_UNCOMPUTED)  # noqa: TRY301 - one place tells of all faults
            return parse(name, cells[index].strip(), decimal_comma=form.decimal_comma)
        except CellError as exc:
            title, shown = form.columns[index], cells[index][:_SHOWN_CHARACTERS]
            problems.append(Problem(f"{exc} in {title}", row.line, title, shown))
            return None

    product = read("id", columns.id)
    for name, index in columns.changes.items():
        if cells[index].strip() not in {"", CLEAR}:
            changes[name] = read(name, index)
    expected = {
        name: None if cells[at].strip() == CLEAR else read(name, at)
        for name, at in columns.expected.items()
        if cells[at].strip()
    }
    if problems:
        return problems
    if not isinstance(product, int):
        return [Problem("no id", row.line, form.columns[columns.id])]
    clear = tuple(name for name, at in columns.changes.items() if cells[at].strip() == CLEAR)
    return ParsedRow(row.line, product, changes, clear, cells, expected)


def parse(name: str, text: str, *, decimal_comma: bool = False) -> Any:  # noqa: ANN401 - as the field has it
    """A value of the field `name` (contract name, or id). Raises CellError."""
    match name:
        case "id":
            return _product_id(text)
        case "quantity":
            return _whole(text)
        case "rate":
            return _money(text, decimal_comma=decimal_comma)
        case "activated_date" | "disconnect_date":
            return _day(text)
        case "do_not_prorate":
            return _flag(text)
        case _:
            return _words(text)


def _words(text: str) -> str:
    if text in _ERRORS:
        raise CellError("a spreadsheet's error instead of a text")
    return text


def _product_id(text: str) -> int | None:
    found = _whole(text)
    if found is not None and not 1 <= found <= _INT32_MAX:
        raise CellError("no product's number")
    return found


def _whole(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise CellError("no whole number")
    return int(text)


def _money(text: str, *, decimal_comma: bool) -> Decimal:
    if decimal_comma:
        if "." in text:
            raise CellError("decimal point beside decimal commas")
        text = text.replace(",", ".", 1)
    elif "," in text:
        raise CellError("comma decimal")
    if not (text.isascii() and _DECIMAL.fullmatch(text)):
        raise CellError("no number")
    if len(text.partition(".")[2].rstrip("0")) > _MAX_DECIMALS:
        raise CellError(f"more than {_MAX_DECIMALS} decimals")
    whole, _, decimals = text.partition(".")
    return Decimal(f"{whole}.{decimals[:_MAX_DECIMALS]}" if decimals else whole)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-01-31") else _no_day()
    except ValueError:
        return _no_day()


def _no_day() -> date:
    raise CellError("no date such as 2026-01-31")


def _flag(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise CellError("no yes or no")
