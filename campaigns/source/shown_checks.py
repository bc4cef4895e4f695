"""Whether a workbook's cell shows what it holds; if not, nobody can know which of them is meant."""

from __future__ import annotations

from decimal import Decimal

from campaigns.source.cell_values import CellError
from campaigns.source.table import ReadRow

_PARTIAL = "a date of which a part is not shown (format the column as day, month and year)"


def check_shown(row: ReadRow, place: int) -> None:
    """Raises CellError for a number that is shown otherwise than it is stored."""
    shown, text = row.shown.get(place), row.cells[place].strip()
    if shown is not None and shown.value != Decimal(text):
        what = "a number shown otherwise than it is stored (format the column as a plain number)"
        raise CellError(what, f"shown {shown.text}, holds {text}")


def check_text(row: ReadRow, place: int) -> None:
    """Raises CellError for a text that is shown otherwise than it is stored."""
    if shown := row.shown.get(place):
        what = "a text shown otherwise than it is stored (format the column as text)"
        raise CellError(what, f"shown {shown.text}, holds {row.cells[place].strip()}")


def check_whole(row: ReadRow, place: int) -> None:
    """Raises CellError for a date of which a part cannot be seen."""
    shown = row.shown.get(place)
    if shown is not None and shown.is_partial:
        raise CellError(_PARTIAL, f"shown {shown.text}, holds {row.cells[place].strip()}")
