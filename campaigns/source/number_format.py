"""What a spreadsheet's number format shows of a stored number.

Only what is certain is told. For formats that show fractions, powers of ten or texts of their own
there is no value, and the reader treats the shown value as unknown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from campaigns.source.currencies import currency_in, is_currency

GENERAL = "General"

_LITERAL = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[\$([^\]-]*)[^\]]*\]|\[[A-Za-z]+\d*\]')
_MARK = "\0"
"""Stands for a text within a format, so that what is on its sides is not taken for one number."""
_DATE_LETTERS = re.compile(r"[ymdhsYMDHS]|AM/PM|A/P", re.IGNORECASE)
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_PLACEHOLDERS = re.compile(r"[#0?][#0?,]*(?:\.[#0?]*,*)?|\.[#0?]+,*")
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
    is_partial: bool = False
    """A date of which the day, the month or the year cannot be seen."""


def is_date_format(code: str) -> bool:
    """Whether numbers of this format are dates or times."""
    bare = _date_letters(code)
    return bare != GENERAL and bool(_DATE_LETTERS.search(bare)) and "General" not in bare


@lru_cache(maxsize=1024)
def shows_part_of_a_day(code: str) -> bool:
    """Whether dates of this format lack their day, month or year, as in `d-mmm` and `mmm-yy`."""
    bare = _date_letters(code).lower()
    return not {"y", "m", "d"} <= set(re.sub("d{3,4}", "", bare))


def _date_letters(code: str) -> str:
    return _LITERAL.sub("", _ELAPSED.sub("h", code.split(";", maxsplit=1)[0]))


@lru_cache(maxsize=1024)
def currency_of(code: str) -> str:
    """The currency that a format shows beside positive numbers; "" if it shows none."""
    section = _sections(code)[0]
    for match in _LITERAL.finditer(section):
        text = "".join(filter(None, match.groups())).strip()
        if match[3] or is_currency(text):
            return text
        if currency := currency_in(text):
            return currency
    return currency_in(_LITERAL.sub("", section))


@lru_cache(maxsize=1024)
def text_shown(code: str) -> Shown | None:
    """What a cell of that format shows of a text, if it is not the text."""
    sections = _sections(code)
    for_texts = sections[3] if len(sections) > 3 else sections[-1]  # noqa: PLR2004 - text is fourth
    beside = [text for match in _LITERAL.finditer(for_texts) if (text := _text_of(match))]
    bare = _LITERAL.sub("", for_texts).strip()
    if len(sections) <= 3 and "@" not in bare:  # noqa: PLR2004 - none is for texts
        return None
    return Shown(f"by the format {code}", None) if beside or bare not in {"@", GENERAL} else None


def shown(number: Decimal, code: str) -> Shown:
    """What a cell of that format shows of the number."""
    sections = _sections(code)
    place = 1 if number < 0 and len(sections) > 1 else 0
    if not number and len(sections) > 2:  # noqa: PLR2004 - positive; negative; zero
        place = 2
    section = _section(sections[place])
    if section is None:
        return Shown(f"by the format {code}", None)
    if section.has_sign and (number >= 0 or len(sections) == 1):
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
    shows_zero: bool = True

    def show(self, number: Decimal) -> Shown:
        if self.decimals is None:
            return _general(number)
        scaled = number * (_PER_CENT if self.is_per_cent else 1) / self.scale
        rounded = scaled.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
        whole, point, fraction = format(abs(rounded), "f").partition(".")
        text = f"{'-' if rounded < 0 else ''}{whole.zfill(self.leading)}{point}{fraction}"
        if not (rounded or self.shows_zero):
            return Shown("nothing", None)
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
    literals = [text for match in _LITERAL.finditer(code) if (text := _text_of(match))]
    bare = _LITERAL.sub(_marked, code)
    has_sign = any(sign in bare + "".join(literals) for sign in "-(\u2212")
    if bare.strip() in {GENERAL, "@"}:
        return _Section(None, 0, Decimal(1), is_per_cent=False, has_sign=has_sign)
    beside = _PLACEHOLDERS.sub("", bare).replace("%", "")
    if re.search(r"[\[/?Ee]", bare) or any(map(_changes_meaning, [*literals, beside])):
        return None
    numbers = _PLACEHOLDERS.findall(bare)
    if len(numbers) != 1:
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
        shows_zero="0" in numbers[0],
    )


def _text_of(match: re.Match[str]) -> str:
    """What is shown beside a number; in Excel's own form of a currency anything may be one."""
    own = match[3] or ""
    return (match[1] or match[2] or (own if re.search(r"\d", own) else "")).strip()


def _marked(match: re.Match[str]) -> str:
    """Spaces separate thousands; other texts part what is on their sides."""
    return _MARK if _text_of(match) else ""


def _changes_meaning(text: str) -> bool:
    """Whether a text beside a number says more than in which currency it is: 20.48/yr, 20.48 CR."""
    bare = text.strip(f"-() \u2212\u00a0\u202f{_MARK}")
    return bool(bare) and not is_currency(bare)
