"""What an update's values become when they are stored, as the vendor's habits have it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from sandbox.contract.update_fields import Changes
from sandbox.vendor.habits import (
    Charset,
    Clearing,
    EmptyTexts,
    Habits,
    LineBreaks,
    Numbers,
    OuterBlanks,
    Overflow,
    Rounding,
    UpdateReaction,
)
from sandbox.vendor.population import Record

NOT_ALLOWED = "P3005"
RECORD_NAMES = {"ActivatedDate": "Activated_Date", "DisconnectDate": "Disconnect_Date"}

_ROUNDINGS = {
    Rounding.HALF_UP: ROUND_HALF_UP,
    Rounding.HALF_EVEN: ROUND_HALF_EVEN,
    Rounding.DOWN: ROUND_DOWN,
}
_ZEROS = {
    "Rate": "0.0000",
    "Quantity": "0",
    "ActivatedDate": "0001-01-01",
    "DisconnectDate": "0001-01-01",
    "DoNotProrateFlag": "false",
}
_TEXTS = frozenset({"Description", "Code1", "Code2"})


class NotStoredError(Exception):
    """The vendor refuses the value; the text is its message."""


class Storing:
    """Turns what an update asks for into what the product then has."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._kinds: Mapping[str, Callable[[str], str]] = {
            "Rate": self._rate,
            "Quantity": self._quantity,
            "ActivatedDate": self._date,
            "DisconnectDate": self._date,
        }

    def stored(self, truth: Record, asked: Changes) -> Changes:
        """By the names of the update. Raises NotStoredError."""
        habits, stored = self._habits, {}
        if habits.disconnected is UpdateReaction.REFUSED and truth["Status"] == "DISCONNECTED":
            raise NotStoredError("A disconnected customer product cannot be changed.")
        for name, value in asked.items():
            if (kept := self._stored_text(name, value)) is not None:
                stored[name] = kept[0]
        if habits.equal_updates is UpdateReaction.REFUSED and _is_equal(truth, stored):
            raise NotStoredError("Nothing was changed.")
        if habits.resets and habits.resets not in asked:
            stored[habits.resets] = None
        return stored

    def _stored_text(self, name: str, value: str | None) -> tuple[str | None] | None:
        """The value to store, or None to leave the field as it is."""
        if value is None:
            return self._cleared(name)
        if name in _TEXTS:
            return self._text(value)
        return (self._kinds[name](value),) if name in self._kinds else (value,)

    def _cleared(self, name: str) -> tuple[str | None] | None:
        match self._habits.clearing:
            case Clearing.NULL:
                return (None,)
            case Clearing.ZERO:
                return (_ZEROS.get(name, ""),)
            case Clearing.IGNORED:
                return None
            case Clearing.REFUSED:
                raise NotStoredError(f"{name} must have a value.")

    def _text(self, value: str) -> tuple[str | None] | None:
        habits = self._habits
        if value == "" and habits.empty_texts is not EmptyTexts.KEPT:
            return (None,) if habits.empty_texts is EmptyTexts.NULL else None
        if habits.charset is Charset.LATIN:
            value = value.encode("latin-1", "replace").decode("latin-1")
        if habits.line_breaks is LineBreaks.BLANK:
            value = value.replace("\n", " ")
        if habits.outer_blanks is OuterBlanks.TRIMMED:
            value = value.strip()
        if 0 < habits.text_limit < len(value):
            if habits.text_overflow is Overflow.REFUSED:
                raise NotStoredError(f"A text may have {habits.text_limit} characters.")
            value = value[: habits.text_limit]
        return (value,)

    def _rate(self, text: str) -> str:
        habits, rate = self._habits, Decimal(text)
        _check_sign("rate", rate, habits.rates)
        if 0 < habits.largest_rate < rate:
            raise NotStoredError("The rate is too large.")
        unit = Decimal(1).scaleb(-habits.rate_decimals)
        if habits.rounding is Rounding.REFUSED:
            if rate % unit:
                raise NotStoredError(f"A rate has at most {habits.rate_decimals} decimals.")
            return text
        rounded = rate.quantize(unit, _ROUNDINGS[habits.rounding])
        return str(rounded.quantize(Decimal("0.0001")))

    def _quantity(self, text: str) -> str:
        _check_sign("quantity", Decimal(text), self._habits.quantities)
        return text

    def _date(self, text: str) -> str:
        shift = timedelta(days=self._habits.date_shift)
        return (date.fromisoformat(text) + shift).isoformat()


def _check_sign(what: str, value: Decimal, allowed: Numbers) -> None:
    is_below = {Numbers.ANY: False, Numbers.NOT_NEGATIVE: value < 0, Numbers.POSITIVE: value <= 0}
    if is_below[allowed]:
        raise NotStoredError(f"The {what} is not allowed.")


def _is_equal(truth: Record, changes: Changes) -> bool:
    return all(truth[RECORD_NAMES.get(name, name)] == value for name, value in changes.items())
