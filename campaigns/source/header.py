"""The row that names a table's columns."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.errors import InputError
from campaigns.source.columns import is_id
from campaigns.source.options import ReadOptions
from campaigns.source.table import ReadRow, check_cells


def header_row(first: Sequence[ReadRow], options: ReadOptions) -> ReadRow:
    """The line that names the columns: as stated, else the first that is not empty.

    Raises InputError.
    """
    if options.header_line is not None:
        for row in first:
            if row.line <= options.header_line <= max(row.last_line, row.line):
                return row
        raise InputError(f"--header-line {options.header_line}: that line is empty or not there")
    if not first:
        raise InputError("the file is empty: its first line must name the columns")
    if not any(map(is_id, first[0].cells)):
        for row in first[1:]:
            if any(map(is_id, row.cells)):
                raise InputError(
                    f"line {first[0].line} does not name the columns, and line {row.line} does: "
                    f"if what is above is a title, give --header-line {row.line}"
                )
    return first[0]


def check_header(header: Sequence[str]) -> tuple[str, ...]:
    """The columns' titles. Raises InputError."""
    titles = tuple(title.strip() for title in header)
    if not any(titles):
        raise InputError("the file is empty: its first line must name the columns")
    check_cells(1, titles)
    return titles
