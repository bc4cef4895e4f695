"""Texts that nobody meant to write: error words, bare commands, and what a program has damaged."""

# ruff: noqa: RUF001 - words of other scripts

from __future__ import annotations

import re
from unicodedata import category

_ERROR_WORDS = frozenset(
    {
        *("null", "nan", "none", "nil", "undefined", "inf", "infinity", "\\n", "[object object]"),
        *("error", "fehler", "n/a", "n.a", "na", "#nv", "n/d", "k.a", "k. a", "tbd", "tba", "tbc"),
        *("#disp", "#yok", "#hiányzik", "loading"),
        *("(blank)", "(empty)", "(leer)", "(vide)", "(vuoto)", "(en blanco)", "(vacío)"),
    }
)
_ERROR_FORM = re.compile(
    r"#\S{1,30}\s?[!?]"
    r"|#[^\W\d_]{1,4}/[^\W\d_]{1,4}( .*)?"
    r"|#(ref|value|wert|name|num|zahl|null|div/0|error|spill|calc|bezug|valeur|valor|field|unknown)"
    r"|(?-i:NaT)|#[^\W\d]+_[^\W\d]+|#+|[+-]?\d\.#[a-z]+\d*|(ref|value|div/0|num)!"
    r"|(err|error|fehler|erreur|errore|erro|fout|fel|chyba|błąd|hiba|virhe|hata|eroare|greška"
    r"|napaka|viga|klaida|ошибка|помилка|σφάλμα|错误|錯誤|エラー|오류|خطأ|שגיאה)\s*[:：]\s*#?\d+",
    re.IGNORECASE,
)
# What people write who mean a change, and not these letters.
_BARE_WORDS = frozenset(
    {
        *("clear", "cleared", "delete", "deleted", "remove", "removed", "erase", "blank", "empty"),
        *("same", "unchanged", "no change", "as is", "ditto", "löschen", "leer", "gleich"),
    }
)
_MARKED_NUMBER = re.compile(r"['\u2018\u2019`]\+?\d[\d ./-]*")
_SIGNS_AROUND = re.compile(r"^[\W_]+|[\W_]+$")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"})
# A line's end, and signs that join letters and pictures.
_INVISIBLE_BUT_MEANT = frozenset("\n\t\u200c\u200d\ufe0f")
# Fifteen digits are all that a spreadsheet keeps; it fills the others with zeros.
_ROUNDED_NUMBER = re.compile(r"\d{15}0{3,}")
_CUT_NUMBER = re.compile(r"[+-]?\d([.,]\d+)?E[+-]?\d+", re.IGNORECASE)
# Programs write a question mark for a letter that their encoding lacks.
_LOST_LETTERS = re.compile(r"[^\W\d_]\?+[^\W\d_]|(?<!\S)\?{2,}")
_HTML_ENTITY = re.compile(r"&(#\d{2,6}|#x[0-9a-f]{2,6}|[a-z]{2,8}\d?);", re.IGNORECASE)
# What UTF-8 is read as by mistake: on Windows, on a Mac and in a DOS box.
_MISTAKEN_ENCODINGS = ("cp1252", "latin-1", "cp1250", "cp1251", "mac_roman", "cp437", "cp850")


def text_fault(text: str) -> str:
    """Why the text is not what anybody meant to write; "" if it may be."""
    lower = text.lower()
    bare = _SIGNS_AROUND.sub("", lower)
    if not _ERROR_WORDS.isdisjoint({lower, bare}) or _ERROR_FORM.fullmatch(text):
        return "a program's word for an error or for nothing, instead of a text"
    if bare in _BARE_WORDS:
        return f"the bare word {bare} ((clear) empties the field)"
    if _MARKED_NUMBER.fullmatch(text):
        return "an apostrophe before a number, as programs mark a text (take it off)"
    if not bare:
        return "signs without a letter or digit, instead of a text"
    if "\ufffd" in text:
        return "a replacement character: the text was damaged when it was saved"
    if _CUT_NUMBER.fullmatch(text) or _ROUNDED_NUMBER.fullmatch(text):
        return "a long number that a spreadsheet has cut"
    if "?" in text and _LOST_LETTERS.search(text):
        return "a question mark in place of a letter: the text was damaged when it was saved"
    if "&" in text and _HTML_ENTITY.search(text):
        return "a sign in the notation of HTML (such as &amp; for &)"
    return "" if text.isascii() and text.isprintable() else _odd_letters(text)


def _odd_letters(text: str) -> str:
    for sign in text:
        if sign not in _INVISIBLE_BUT_MEANT and category(sign) in _INVISIBLE_CATEGORIES:
            return f"a sign that cannot be seen (U+{ord(sign):04X})"
    if any(_is_misread_utf8(text, encoding) for encoding in _MISTAKEN_ENCODINGS):
        return "letters that another encoding has damaged (é as Ã©)"
    return ""


def _is_misread_utf8(text: str, encoding: str) -> bool:
    """Whether its letters are bytes of UTF-8 that were taken for letters of `encoding`."""
    try:
        return text.encode(encoding).decode("utf-8") != text
    except UnicodeError:
        return False
