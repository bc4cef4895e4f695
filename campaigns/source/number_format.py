"""What a spreadsheet's number format shows of a stored number.

Only what can be told for certain is: of formats that show fractions, powers of ten or texts of
their own nothing is said, and the reader treats the shown value as unknown.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

GENERAL = "General"

_LITERAL = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[\$([^\]-]*)[^\]]*\]|\[[A-Za-z]+\d*\]')
_DATE_LETTERS = re.compile(r"[ymdhsYMDHS]|AM/PM|A/P", re.IGNORECASE)
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_PLACEHOLDERS = re.compile(r"[#0?][#0?,]*(?:\.[#0?]*,*)?|\.[#0?]+,*")
# Letters and signs without a digit between them, which may be a currency such as C$ or USD.
_CURRENCY = re.compile(r"[^\s\d.,;#?_*()+-]+")
_CODE = re.compile(r"[A-Z]{3}")
# General shows at most eleven characters of a number.
_GENERAL_DIGITS = 11
_PER_CENT = Decimal(100)
_THOUSAND = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Shown:
    """A number as a cell shows it."""

    text: str
    value: Decimal | None
    """The shown number; None if the text is not one."""


def is_date_format(code: str) -> bool:
    """Whether numbers of this format are dates or times."""
    bare = _LITERAL.sub("", _ELAPSED.sub("h", code.split(";", maxsplit=1)[0]))
    return bare != GENERAL and bool(_DATE_LETTERS.search(bare)) and "General" not in bare


@lru_cache(maxsize=1024)
def currency_of(code: str) -> str:
    """The currency that a format shows beside positive numbers; "" if it shows none."""
    section = _sections(code)[0]
    for match in _LITERAL.finditer(section):
        if currency := currency_in("".join(filter(None, match.groups()))):
            return currency
    return currency_in(_LITERAL.sub("", section))


def currency_in(text: str) -> str:
    """The first currency that a text names by a sign such as $ or C$, or by a code such as USD."""
    if text.isascii() and text.strip("-+()0123456789., ") == "":
        return ""
    for match in _CURRENCY.finditer(text):
        word = match.group()
        if _CODE.fullmatch(word) or any(unicodedata.category(sign) == "Sc" for sign in word):
            return word
    return ""


def shown(number: Decimal, code: str) -> Shown:
    """What a cell of that format shows of the number."""
    sections = _sections(code)
    place = 1 if number < 0 and len(sections) > 1 else 0
    if not number and len(sections) > 2:  # noqa: PLR2004 - positive; negative; zero
        place = 2
    section = _section(sections[place])
    if section is None:
        return Shown(f"by the format {code}", None)
    shows_sign = place == 0 or section.has_sign
    return section.show(number if shows_sign else abs(number))


@dataclass(frozen=True, slots=True)
class _Section:
    decimals: int | None
    """None: General."""
    leading: int
    """Digits before the decimal sign that are filled with zeros."""
    scale: Decimal
    is_per_cent: bool
    has_sign: bool

    def show(self, number: Decimal) -> Shown:
        if self.decimals is None:
            return _general(number)
        scaled = number * (_PER_CENT if self.is_per_cent else 1) / self.scale
        rounded = scaled.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
        whole, point, fraction = format(abs(rounded), "f").partition(".")
        text = f"{'-' if rounded < 0 else ''}{whole.zfill(self.leading)}{point}{fraction}"
        if self.is_per_cent:
            return Shown(f"{text}%", None)
        return Shown(text, rounded)


def _general(number: Decimal) -> Shown:
    text = format(number, "f")
    if len(text.lstrip("-").replace(".", "")) <= _GENERAL_DIGITS or not number:
        return Shown(text, number)
    whole = len(text.lstrip("-").partition(".")[0])
    if whole > _GENERAL_DIGITS:
        return Shown(f"{number:.5E}", None)
    rounded = number.quantize(Decimal(1).scaleb(whole - _GENERAL_DIGITS + 1), ROUND_HALF_UP)
    return Shown(format(rounded.normalize(), "f"), rounded)


@lru_cache(maxsize=1024)
def _sections(code: str) -> tuple[str, ...]:
    """The format's parts for positive, negative and zero numbers."""
    parts, part, quoted, at = [], "", False, 0
    while at < len(code):
        sign = code[at]
        if sign == "\\" and not quoted:
            part += code[at : at + 2]
            at += 2
            continue
        quoted ^= sign == '"'
        if sign == ";" and not quoted:
            parts.append(part)
            part = ""
        else:
            part += sign
        at += 1
    return (*parts, part)


@lru_cache(maxsize=1024)
def _section(code: str) -> _Section | None:
    """None: what it shows cannot be told."""
    literals = "".join("".join(filter(None, match.groups())) for match in _LITERAL.finditer(code))
    bare = _LITERAL.sub("", code)
    has_sign = any(sign in bare + literals for sign in "-(\u2212")
    if bare.strip() in {GENERAL, "@"}:
        return _Section(None, 0, Decimal(1), is_per_cent=False, has_sign=has_sign)
    if re.search(r"[\[/?Ee]", bare) or any(sign.isdigit() for sign in literals):
        return None
    numbers = _PLACEHOLDERS.findall(bare)
    if len(numbers) != 1 or "General" in bare:
        return None
    scaled = len(numbers[0]) - len(numbers[0].rstrip(","))
    whole, _, decimals = numbers[0].rstrip(",").partition(".")
    scaled += len(whole) - len(whole.rstrip(",")) if decimals else 0
    return _Section(
        len(decimals),
        whole.count("0"),
        _THOUSAND**scaled,
        is_per_cent="%" in bare,
        has_sign=has_sign,
    )
