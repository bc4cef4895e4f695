"""Whether the quotation marks of a CSV have done what their author meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

NOT_QUOTING = "a quotation mark that does not quote, since a blank precedes it (take that off)"
_HALF_QUOTED = re.compile(r'\s+"')


def half_quoted(cells: Sequence[str], used: Collection[int]) -> str:
    """The first cell with a mark that does not quote; "" if there is none.

    Where the mark is closed again, it matters in used columns only. Where it is not, the cell has
    been cut at a delimiter that was meant to be part of it.
    """
    for place, cell in enumerate(cells):
        if '"' in cell and _HALF_QUOTED.match(cell) and (place in used or cell.count('"') % 2):
            return cell
    return ""


def holds_records(cells: Sequence[str], delimiter: str, id_place: int) -> bool:
    """Whether the further lines of cells look like rows: then a mark is missing somewhere."""
    further = delimiter.join(cells).split("\n")[1:]
    rows = (line.split(delimiter) for line in further)
    return any(len(row) > max(id_place, 1) and row[id_place].strip(' "').isdigit() for row in rows)
