"""Values of a product's fields: which can be put back for certain, and which are the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from revio_jobs.contracts.product_fields import PRODUCT_FIELDS, FieldKind
from worker.soap import RawRecord

WRITABLE = tuple(
    name for name, known in PRODUCT_FIELDS.items() if known.is_changeable and known.is_readable
)
TEXT_MARK = "Certify"
"""How texts begin that a vendor may store otherwise than they are written."""
_TEXT_MOST = 100
_SURE_DECIMALS = 2
_MOST_QUANTITY = 1_000_000
# The vendor's billing moves these, whoever else does what.
_MOVES = frozenset({"billed_through_date"})


def is_restorable(name: str, value: object) -> bool:
    """Whether any vendor would take this value back as it is: not empty, and nothing odd.

    Only such values are replaced in experiments.
    """
    if value is None:
        return False
    match PRODUCT_FIELDS[name].kind:
        case FieldKind.DECIMAL:
            return _has_few_decimals(str(value))
        case FieldKind.INTEGER:
            return isinstance(value, int) and 0 < value < _MOST_QUANTITY
        case FieldKind.DATE:
            return isinstance(typed(name, value), date)
        case FieldKind.TEXT:
            return _is_plain(str(value))
        case _:
            return False


def typed(name: str, value: Any) -> Any:  # noqa: ANN401 - of the field's kind
    """A JSON value as updates take it."""
    if value is None:
        return None
    match PRODUCT_FIELDS[name].kind:
        case FieldKind.DECIMAL:
            return Decimal(str(value))
        case FieldKind.DATE:
            return date.fromisoformat(str(value))
        case _:
            return value


def as_json(value: Any) -> Any:  # noqa: ANN401 - of the field's kind
    return value if value is None or isinstance(value, int) else str(value)


def other_value(name: str, value: Any) -> Any:  # noqa: ANN401 - of the field's kind
    """One that differs a little from a typed value."""
    match PRODUCT_FIELDS[name].kind:
        case FieldKind.DATE:
            return value + timedelta(days=1)
        case FieldKind.TEXT:
            return f"{value[:-1]}{'z' if value[-1] != 'z' else 'y'}"
        case _:
            return value + 1


def is_same(name: str, first: object, second: object) -> bool:
    """Whether two JSON values are the same, strictly: an empty text is not no text."""
    if first is None or second is None or PRODUCT_FIELDS[name].kind is not FieldKind.DECIMAL:
        return first == second
    return Decimal(str(first)) == Decimal(str(second))


def differing(before: RawRecord, after: RawRecord) -> list[str]:
    """The fields that are not as before, in the contract's names."""
    return [
        name
        for name, value in before.values.items()
        if name not in _MOVES and not is_same(name, value, after.values.get(name))
    ]


def may_be_left(name: str, read: object, written: Mapping[str, list[Any]], old: object) -> bool:
    """Whether an interrupted run can have left the field like this: as it was, as it was written,
    or as a vendor may have stored that.
    """
    if is_same(name, read, old) or _is_nothing(read):
        return True
    return any(_resembles(name, read, value) for value in written.get(name, []))


def _resembles(name: str, read: object, value: object) -> bool:
    if value is None or isinstance(value, str) != isinstance(read, str):
        return False
    match PRODUCT_FIELDS[name].kind:
        case FieldKind.DECIMAL:
            return abs(Decimal(str(read)) - Decimal(str(value))) < Decimal("0.5")
        case FieldKind.DATE:
            return bool(abs((typed(name, read) - typed(name, value)).days) <= 1)
        case FieldKind.TEXT:
            return read == value or (_is_ours(str(value)) and _is_ours(str(read)))
        case _:
            return read == value


def _is_ours(text: str) -> bool:
    return text.strip().startswith(TEXT_MARK)


def _is_nothing(value: object) -> bool:
    return value is None or value in {"", 0} or str(value).strip("0.") == ""


def _has_few_decimals(text: str) -> bool:
    rate = Decimal(text)
    return rate > 0 and rate == round(rate, _SURE_DECIMALS)


def _is_plain(text: str) -> bool:
    is_ascii = text.isascii() and text.isprintable()
    return is_ascii and text == text.strip() and 0 < len(text) <= _TEXT_MOST
