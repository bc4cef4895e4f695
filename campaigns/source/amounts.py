"""Amounts of money as people write them: read if there is no doubt, else refused in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

MAX_DECIMALS = 4
PLUS = "a plus sign, as if so much were to be added (take it off if not)"
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
# Most amounts: nothing else could be meant by them, whatever was stated.
_UNDOUBTED = re.compile(r"-?[0-9]{1,9}(\.([0-9]{1,2}|[0-9]{4}))?")
_ONE_SIGN = re.compile(r"[+-]?(\d*)([.,])(\d*)")
_GROUPED = {
    ".": re.compile(r"[+-]?\d{1,3}([,\u00a0\u202f\u2009\u2019' ]\d{3})+(\.\d*)?"),
    ",": re.compile(r"[+-]?\d{1,3}([.\u00a0\u202f\u2009\u2019' ]\d{3})+(,\d*)?"),
}
_GROUP = 3
# Longer words are not named: problems are grouped by what is said of them.
_CURRENCY_LETTERS = 4
_OTHER = {".": ",", ",": "."}
_NAMES = {
    "\u00a0": "a non-breaking space",
    "\u202f": "a narrow space",
    "\u2009": "a thin space",
    "\u2019": "an apostrophe (\u2019)",
    " ": "a space",
    "\u2212": "a minus sign of another kind (\u2212)",
    "\u2013": "a dash (\u2013) for a minus sign",
    "(": "a bracket",
    "%": "a per cent sign",
}


class AmountError(ValueError):
    """What is wrong, in words without the amount itself."""


@dataclass(frozen=True, slots=True)
class DecimalSign:
    """How a column's amounts are written."""

    sign: str = "."
    is_stated: bool = False
    """Somebody has said so: then the other sign separates thousands."""
    is_proved: bool = False
    """An amount of the column can only be read so."""

    def read(self, text: str) -> Decimal:
        """At most 4 decimals, not counting trailing zeros. Raises AmountError."""
        if self.sign == "." and _UNDOUBTED.fullmatch(text):
            return Decimal(text) or Decimal(text.lstrip("-"))
        if text.startswith("+"):
            raise AmountError(PLUS)
        if self.is_stated and _GROUPED[self.sign].fullmatch(text):
            text = re.sub(rf"[^\d{self.sign}+-]", "", text)
        elif not (self.is_stated or self.is_proved) and could_be_thousands(text):
            raise AmountError(
                f"{_sign_of(text)!r} could separate thousands or decimals (--decimal)"
            )
        if self.sign == ",":
            if "." in text:
                raise AmountError("decimal point beside decimal commas")
            text = text.replace(",", ".", 1)
        elif "," in text:
            raise AmountError("comma decimal, or ',' between thousands (--decimal says which)")
        if not (text.isascii() and _PLAIN.fullmatch(text)):
            raise AmountError(f"not a number: {in_the_way(text)}")
        whole, _, decimals = text.partition(".")
        if len(decimals.rstrip("0")) > MAX_DECIMALS:
            raise AmountError(f"more than {MAX_DECIMALS} decimals")
        amount = Decimal(f"{whole}.{decimals[:MAX_DECIMALS]}" if decimals else whole)
        return amount or abs(amount)


class DecimalEvidence:
    """Grows with `add`: which decimal sign a column's amounts prove."""

    def __init__(self) -> None:
        self.proofs = {".": 0, ",": 0}
        """By the sign, how many amounts can only be read so."""
        self.is_ambiguous = False

    def add(self, text: str) -> None:
        """One more amount."""
        match = _ONE_SIGN.fullmatch(text)
        if match is None or not (match[1] or match[3]):
            return
        if _is_a_group(match):
            self.is_ambiguous = True
        else:
            self.proofs[match[2]] += 1

    def sign(self, *, commas_delimit: bool) -> DecimalSign:
        """The sign of most amounts; it is proved if no amount has the other one.

        `commas_delimit`: commas separate the cells, so that amounts hardly hold any.
        """
        points, commas = self.proofs["."], self.proofs[","]
        if commas > points and not commas_delimit:
            return DecimalSign(",", is_proved=not points)
        return DecimalSign(".", is_proved=points > 0 and not commas)


def could_be_thousands(text: str) -> bool:
    """Whether the one sign in it could separate thousands as well as decimals, as in 1.250."""
    match = _ONE_SIGN.fullmatch(text)
    return match is not None and _is_a_group(match)


def undoubted(text: str) -> str:
    """The amount, which has a decimal point, in a form that cannot be read as thousands."""
    return f"{text}0" if could_be_thousands(text) else text


def _is_a_group(match: re.Match[str]) -> bool:
    whole, _, decimals = match.groups()
    return len(decimals) == _GROUP and 1 <= len(whole) <= _GROUP and not whole.startswith("0")


def in_the_way(text: str) -> str:
    """The first sign or word that no number has."""
    if re.fullmatch(r"[+-]?\d[\d.,]*[Ee][+-]?\d+", text):
        return "it has a power of ten (E)"
    if re.fullmatch(r"[\d.,]+-", text):
        return "the minus sign is at its end"
    if "." in text and "," in text and re.fullmatch(r"[+-]?[\d.,]+", text):
        return "',' and '.' are both in it (--decimal says which is the decimal sign)"
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3}){2,}", text):
        return "'.' separates thousands (--decimal , says so)"
    odd = re.search(r"[^\d.+\s-]|[\u00a0\u202f\u2009]|(?<=\d)\s(?=\d)", text)
    if odd is None:
        return PLUS if text.startswith("+") else "its signs are in no order"
    sign = odd.group()
    if sign.isalpha() and (word := re.match(r"[^\W\d_]+", text[odd.start() :])):
        word_in_the_way = word.group()
        named = len(word_in_the_way) <= _CURRENCY_LETTERS
        return f"{word_in_the_way!r} is in the way" if named else "a word is in the way"
    return f"{_NAMES.get(sign, repr(sign))} is in the way"


def _sign_of(text: str) -> str:
    return "," if "," in text else "."
