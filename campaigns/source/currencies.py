"""Currencies, as people and number formats name them beside an amount."""

# ruff: noqa: RUF001 - words of other scripts

from __future__ import annotations

import re
import unicodedata

# Letters and signs without a digit between them, which may be a currency such as C$ or USD.
_WORD = re.compile(r"[^\s\d.,;#?_*()+-]+")
_CODE = re.compile(r"[A-Z]{3}")
_CODES = frozenset(
    {
        *("AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CRC", "CZK"),
        *("DKK", "DOP", "EGP", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JMD"),
        *("JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "RON", "RSD"),
        *("RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TTD", "TWD", "UAH", "USD", "UYU", "VND"),
        "ZAR",
    }
)
_WORDS = frozenset(
    {
        *("kr", "kr.", "zł", "kč", "ft", "lei", "fr", "fr.", "sfr.", "rs", "rs.", "rm", "r", "tl"),
        *("руб.", "р.", "лв.", "kn", "din.", "dollar", "dollars", "euro"),
    }
)


def currency_in(text: str) -> str:
    """The first currency that a text names by a sign such as $ or C$, or by a code such as USD."""
    if text.isascii() and text.strip("-+()0123456789., ") == "":
        return ""
    for match in _WORD.finditer(text):
        word = match.group()
        if _CODE.fullmatch(word) or _has_sign(word):
            return word
    return ""


def is_currency(text: str) -> bool:
    """Whether the text names a currency and nothing else: not €/month, CR or VAT."""
    if text in _CODES or text.lower() in _WORDS:
        return True
    letters = "".join(sign for sign in text if unicodedata.category(sign) != "Sc")
    return _has_sign(text) and (not letters or (letters.isalpha() and letters.isupper()))


def _has_sign(text: str) -> bool:
    return any(unicodedata.category(sign) == "Sc" for sign in text)
