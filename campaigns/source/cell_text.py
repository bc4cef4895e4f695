"""What spreadsheet programs put around a cell's text, taken off, and put on again.

A cell that begins with one of = + - @ or a tab would be run as a formula. What we write then begins
with an apostrophe, which spreadsheets take as "this is text"; plain numbers are left alone, since
a negative price is not a formula.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n|%]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"')


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
