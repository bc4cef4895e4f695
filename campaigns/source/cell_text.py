"""Text that a spreadsheet would run as a formula, written so that it does not, and read back.

A cell that begins with one of = + - @ or a tab is headed by an apostrophe, which spreadsheets take
as "this is text". Plain numbers are left alone, since a negative price is no formula.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n|%]")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


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
