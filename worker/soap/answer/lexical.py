"""Texts of XML Schema's simple types as the contract's JSON values, exact or refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from revio_jobs.contracts.product_fields import FieldKind

Value = int | str | bool | None

# No number of ours is longer, and none may be so long that reading it takes time.
_LONGEST_INTEGER = 18
_INTEGER = re.compile(r"([+-]?[0-9]{1,18})(\.0*)?")
_PLAIN_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,27})(\.[0-9]{1,28})?")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,28}(\.[0-9]{0,28})?|\.[0-9]{1,28})([eE][+-]?[0-9]{1,2})?")
# Of an exponent: no amount has more digits on either side of its point.
_LARGEST_EXPONENT = 28
_DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    # A time of 24:00 would belong to the next day; databases write a blank for the T.
    r"([T ]([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
# XML Schema has four; .NET's own ToString writes the capital ones.
_BOOLEANS = {
    "true": True,
    "1": True,
    "false": False,
    "0": False,
    "True": True,
    "TRUE": True,
    "False": False,
    "FALSE": False,
}
# .NET's DateTime.MinValue and MySQL's zero date, which stand for no date.
_NO_DATES = frozenset({"0001-01-01", "0000-00-00"})
_XML_SPACE = " \t\r\n"


def read_integer(text: str) -> int:
    """Raises ValueError."""
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_INTEGER:
        return int(text)
    matched = _INTEGER.fullmatch(text.strip(_XML_SPACE))
    if not matched:
        raise ValueError("text that is not an integer")
    return int(matched[1])


def read_decimal(text: str) -> str:
    """The same number as a plain decimal, with its trailing zeros. Raises ValueError."""
    if _PLAIN_DECIMAL.fullmatch(text) and not text.startswith("-0"):
        return text
    stripped = text.strip(_XML_SPACE)
    if not _DECIMAL.fullmatch(stripped):
        raise ValueError("text that is not a decimal")
    number = Decimal(stripped)
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("text that is not a decimal")
    return format(number or abs(number), "f")


def read_boolean(text: str) -> bool:
    """Raises ValueError."""
    try:
        return _BOOLEANS[text.strip(_XML_SPACE)]
    except KeyError:
        raise ValueError("text that is not a boolean") from None


def read_date(text: str) -> str | None:
    """The date part as it is written, ignoring any time and zone after it. Raises ValueError."""
    matched = _DATE.fullmatch(text.strip(_XML_SPACE))
    if not matched:
        raise ValueError("text that is not a date")
    if matched[1] in _NO_DATES:
        return None
    try:
        return date.fromisoformat(matched[1]).isoformat()
    except ValueError:
        raise ValueError(f"{matched[1]}, which is not a date") from None


def _or_none(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """Read an element without content as no value: there is no empty number, date or flag."""

    def read_or_none(text: str) -> Value:
        return read(text) if text.strip(_XML_SPACE) else None

    return read_or_none


READERS: Mapping[FieldKind, Callable[[str], Value]] = MappingProxyType(
    {
        FieldKind.INTEGER: _or_none(read_integer),
        FieldKind.DECIMAL: _or_none(read_decimal),
        FieldKind.BOOLEAN: _or_none(read_boolean),
        FieldKind.DATE: _or_none(read_date),
        FieldKind.TEXT: str,
    }
)
