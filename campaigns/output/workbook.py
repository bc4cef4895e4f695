"""Workbooks that are written: numbers stay numbers, and text is never a formula."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles.numbers import FORMAT_TEXT

from campaigns.source.cell_text import neutral

MAX_ROWS = 1_048_575  # besides the header


@contextmanager
def new_workbook(path: Path) -> Iterator[WorkbookWriter]:
    """Sheets to be filled; the file is whole when the block has ended. Raises OSError."""
    with path.open("wb") as file:
        out = WorkbookWriter()
        try:
            yield out
        except BaseException:
            out.abandon()
            raise
        out.save(file)


class WorkbookWriter:
    """Sheets of a new workbook; numbers stay numbers, text is never a formula."""

    def __init__(self) -> None:
        self._book = Workbook(write_only=True)
        self._sheets: list[Any] = []

    def sheet(
        self, title: str, header: Sequence[str], text_columns: Container[int] = ()
    ) -> Callable[[Sequence[object]], None]:
        """Begins a sheet; what is returned adds a row. A full sheet goes on in another one.

        `text_columns`: places of those whose cells are formatted as text, so that a code such as
        00123 stays one when somebody edits it.
        """
        names = chain([title], (f"{title} {number}" for number in count(2)))
        first = self._new_sheet(next(names), header)
        sheets = chain([first], (self._new_sheet(name, header) for name in names))
        places = (sheet for sheet in sheets for _ in range(MAX_ROWS))

        texts = [place for place in range(len(header)) if place in text_columns]
        # A row is written as it is appended, so one cell for each column serves all of them.
        cells = {place: _text_cell(first) for place in texts}

        def add(row: Sequence[object]) -> None:
            sheet, values = next(places), list(map(_written, row))
            for place in texts:
                cells[place].value = values[place]
                values[place] = cells[place]
            sheet.append(values)

        return add

    def _new_sheet(self, title: str, header: Sequence[str]) -> Any:  # noqa: ANN401 - openpyxl's
        sheet = self._book.create_sheet(title)
        self._sheets.append(sheet)
        sheet.append(list(map(_written, header)))  # titles may be those of somebody's file
        return sheet

    def save(self, file: IO[bytes]) -> None:
        """Ends the workbook."""
        self._book.save(file)

    def abandon(self) -> None:
        """Ends it without saving: openpyxl complains of sheets that are left open."""
        for sheet in self._sheets:
            sheet.close()


def _text_cell(sheet: Any) -> Any:  # noqa: ANN401 - openpyxl's
    cell = WriteOnlyCell(sheet)
    cell.number_format = FORMAT_TEXT
    return cell


def _written(value: object) -> Any:  # noqa: ANN401 - what openpyxl takes
    if isinstance(value, str):
        if not value.isprintable():
            value = "".join(sign for sign in value if sign >= " " or sign in "\t\n")
        return neutral(value)
    return value
