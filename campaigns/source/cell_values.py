"""The value that the text of one cell stands for: a product's number, a count, a day, yes or no."""

from __future__ import annotations

import re
from datetime import date

from campaigns.source.amounts import in_the_way

_INT32_MAX = 2**31 - 1
_INT32_DIGITS = len(str(_INT32_MAX))
_GROUPED = re.compile(r"[1-9]\d{0,2}\.000")
_WHOLE = re.compile(r"\d{1,19}(\.0*)?")
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
# Spreadsheets take 30 to 99, typed for a year, as 1930 to 1999; Rev.io is younger than that.
_FIRST_YEAR = 1970


class CellError(ValueError):
    """A cell's text is not a value of its column; the text is a problem's kind."""

    def __init__(self, kind: str, value: str = "") -> None:
        """`value`: what to show of the cell instead of its text."""
        super().__init__(kind, value)
        self.kind = kind
        self.value = value


def product_id(text: str) -> int | None:
    """None for an empty cell. Raises CellError."""
    if len(text) < _INT32_DIGITS and text.isascii() and text.isdigit() and text.strip("0"):
        return int(text)
    number = whole(text) if text else None
    if number is not None and not 1 <= number <= _INT32_MAX:
        raise CellError("not a product's number")
    return number


def whole(text: str) -> int:
    """A number from 0 on. Raises CellError."""
    if _GROUPED.fullmatch(text):
        raise CellError("'.' could separate thousands or decimals")
    if not (text.isascii() and _WHOLE.fullmatch(text)):
        raise CellError(f"not a whole number: {_whole_fault(text)}")
    return int(text.partition(".")[0])


def _whole_fault(text: str) -> str:
    if re.fullmatch(r"\d{1,19}\.\d+", text):
        return "it has decimals"
    if re.fullmatch(r"-\d+(\.0*)?", text):
        return "it is below zero"
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", text):
        return f"{',' if ',' in text else '.'!r} is in the way"
    return in_the_way(text)


def day(text: str) -> date:
    """Raises CellError."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", text):
        raise CellError("a date with a time of day")
    try:
        moment = date.fromisoformat(text) if len(text) == len("2026-01-31") else None
    except ValueError:
        moment = None
    if moment is None:
        raise CellError("not a date such as 2026-01-31")
    if moment.year < _FIRST_YEAR:
        raise CellError(f"a day before {_FIRST_YEAR} (was its year typed with two digits?)")
    return moment


def flag(text: str) -> bool:
    """Raises CellError."""
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise CellError("neither yes nor no")
