"""What spreadsheet programs put around a cell's text, taken off, and put on again.

A cell that begins with one of = + - @ or a tab would be run as a formula. What we write then begins
with an apostrophe, which spreadsheets take as "this is text"; plain numbers are left alone, since
a negative price is not a formula.
"""

from __future__ import annotations

import re
from unicodedata import category

_FORMULA = re.compile(r"'*[=+\-@\t\r\n|%]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"')

_ERROR_WORDS = frozenset(
    {
        *("null", "(null)", "[null]", "<null>", "nan", "none", "(none)", "nil", "undefined"),
        *("inf", "-inf", "infinity", "\\n", "[object object]", "error", "fehler", "nat", "<na>"),
        *("n/a", "n.a.", "na", "#na", "#nv", "#n/d", "#n/b", "#n/v", "#i/t", "#disp", "n/d"),
        *("k.a.", "k. a.", "tbd", "tba", "tbc", "#yok", "#hiányzik", "loading...", "loading…"),
        *("(blank)", "(empty)", "(leer)", "(vide)", "(vuoto)", "(en blanco)", "(vacío)"),
    }
)
_ERROR_FORM = re.compile(
    r"#\S{1,30}\s?[!?]"
    r"|#[^\W\d_]{1,4}/[^\W\d_]{1,4}( .*)?"
    r"|#(ref|value|wert|name|num|zahl|null|div/0|error|spill|calc|bezug|valeur|valor|field|unknown)"
    r"|#[^\W\d]+_[^\W\d]+|#+"
    r"|(err|error|fehler|erreur|errore|erro|fout|fel|chyba|błąd|hiba|virhe|hata|ошибка)\s*:\s*#?\d+",
    re.IGNORECASE,
)
# What people write who mean a change, and not these letters.
_BARE_WORDS = frozenset(
    {
        *("clear", "cleared", "delete", "deleted", "remove", "removed", "erase", "blank", "empty"),
        *("same", "unchanged", "no change", "as is", "ditto", "löschen", "leer", "gleich"),
    }
)
_BRACKETS = " ()[]{}<>\"'."
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"})
# A line's end, and signs that join letters and pictures.
_INVISIBLE_BUT_MEANT = frozenset("\n\t\u200c\u200d\ufe0f")
# Fifteen digits are all that a spreadsheet keeps; it fills the others with zeros.
_ROUNDED_NUMBER = re.compile(r"\d{15}0{3,}")
_CUT_NUMBER = re.compile(r"[+-]?\d([.,]\d+)?E[+-]?\d+", re.IGNORECASE)


def neutral(cell: str) -> str:
    """The cell as it is written to a file."""
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def original(cell: str) -> str:
    """The cell that `neutral` was given."""
    if cell.startswith("'") and _FORMULA.match(cell):
        return cell[1:]
    return cell


def unescaped(cell: str) -> str:
    """The text that a cell shows: `_x000D_` and `="00123"` are how programs write others."""
    if "_x" in cell:
        cell = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), cell)
        # Characters beyond 16 bits are escaped in halves.
        cell = cell.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "\r" in cell:
        cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    if cell.startswith('="') and (text := _AS_TEXT.fullmatch(cell)):
        return text[1].replace('""', '"')
    return cell


def text_fault(text: str) -> str:
    """Why the text is not what anybody meant to write; "" if it may be."""
    lower = text.lower()
    if lower in _ERROR_WORDS or _ERROR_FORM.fullmatch(text):
        return "a program's word for an error or for nothing, instead of a text"
    if lower.strip(_BRACKETS) in _BARE_WORDS:
        return f"the bare word {lower.strip(_BRACKETS)} ((clear) empties the field)"
    if not any(map(str.isalnum, text)):
        return "signs without a letter or digit, instead of a text"
    if "\ufffd" in text:
        return "a replacement character: the text was damaged when it was saved"
    if _CUT_NUMBER.fullmatch(text) or _ROUNDED_NUMBER.fullmatch(text):
        return "a long number that a spreadsheet has cut"
    return "" if text.isascii() and text.isprintable() else _odd_letters(text)


def _odd_letters(text: str) -> str:
    for sign in text:
        if sign not in _INVISIBLE_BUT_MEANT and category(sign) in _INVISIBLE_CATEGORIES:
            return f"a sign that cannot be seen (U+{ord(sign):04X})"
    if _is_misread_utf8(text):
        return "letters that another encoding has damaged (é as Ã©)"
    return ""


def _is_misread_utf8(text: str) -> bool:
    """Whether its letters are bytes of UTF-8 that were taken for letters one by one."""
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8") != text
        except UnicodeError:
            continue
    return False
