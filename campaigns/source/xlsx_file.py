"""XLSX in and out. Only the first sheet is read; formulas count with the value they last had.

A formula that no spreadsheet program has computed has none: a row says where it has such cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, count
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles.numbers import FORMAT_TEXT
from openpyxl.utils.exceptions import InvalidFileException

from campaigns.errors import InputError
from campaigns.source.cell_text import neutral, original
from campaigns.source.table import Form, ReadRow, Source, check_cells, check_header

# Excel itself computes with so many; what is beyond them is the noise of binary fractions.
_EXCEL_DIGITS = ".15g"
MAX_ROWS = 1_048_575  # beside the header
_SHEETS = "xl/worksheets/"
_FORMULA = re.compile(rb"<(\w+:)?f[\s/>]")
_LONGEST_TAG = 64
_BLOCK_BYTES = 1 << 20

_Line = tuple[Sequence[Any], frozenset[int]]
"""A row's values, and the places of formulas without one."""


@contextmanager
def opened_xlsx(path: Path) -> Iterator[Source]:
    """The first sheet's rows. Raises InputError."""
    with ExitStack() as files:
        sheet = _first_sheet(files, path, computed=True)
        formulas = _first_sheet(files, path, computed=False) if _has_formulas(path) else None
        rows = _read(_without_formulas(sheet) if formulas is None else _both(sheet, formulas))
        header = next(rows, ReadRow(1, ()))
        if header.uncomputed:
            raise InputError("the first line names the columns; it must not hold formulas")
        yield Source(path.name, Form("xlsx", check_header(header.cells)), rows)


def _first_sheet(files: ExitStack, path: Path, *, computed: bool) -> Any:  # noqa: ANN401 - openpyxl's
    """With its formulas' stored values, or with the formulas themselves."""
    try:
        book = load_workbook(path, read_only=True, data_only=computed)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as exc:
        raise InputError("the file is no XLSX workbook") from exc
    files.callback(book.close)
    if not book.worksheets:
        raise InputError("the workbook has no sheet of cells")
    sheet: Any = book.worksheets[0]
    # What a file says of its own size may be wrong, and rows beyond it would be left out.
    sheet.reset_dimensions()
    return sheet


def _has_formulas(path: Path) -> bool:
    """Whether any sheet has one: most have none, and are read once instead of twice."""
    with ZipFile(path) as parts:
        sheets = (name for name in parts.namelist() if name.startswith(_SHEETS))
        return any(_holds_formula(parts, name) for name in sheets)


def _holds_formula(parts: ZipFile, name: str) -> bool:
    kept = b""
    with parts.open(name) as part:
        while block := part.read(_BLOCK_BYTES):
            if _FORMULA.search(kept + block):
                return True
            kept = block[-_LONGEST_TAG:]
    return False


def _without_formulas(sheet: Any) -> Iterator[_Line]:  # noqa: ANN401 - openpyxl's
    for values in sheet.iter_rows(values_only=True):
        yield values, frozenset()


def _both(sheet: Any, formulas: Any) -> Iterator[_Line]:  # noqa: ANN401 - openpyxl's
    """The values, and the formula itself where there is no value."""
    for cells, sources in zip(sheet.iter_rows(), formulas.iter_rows(), strict=True):
        values = [cell.value for cell in cells]
        uncomputed = {
            index
            for index, (cell, source) in enumerate(zip(cells, sources, strict=True))
            # A formula that came to an empty text says so by its type.
            if source.data_type == "f" and cell.value is None and cell.data_type != "str"
        }
        for index in uncomputed:
            values[index] = _formula(sources[index].value)
        yield values, frozenset(uncomputed)


def _formula(value: object) -> str:
    """As it was typed; those of a range are objects of openpyxl."""
    return str(getattr(value, "text", value))


@contextmanager
def new_workbook(path: Path) -> Iterator[XlsxOut]:
    """Sheets to be filled; the file is whole when the block has ended. Raises OSError."""
    with path.open("wb") as file:
        out = XlsxOut()
        try:
            yield out
        except BaseException:
            out.abandon()
            raise
        out.save(file)


class XlsxOut:
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

        def add(row: Sequence[object]) -> None:
            sheet = next(places)
            sheet.append(
                [
                    _as_text(sheet, value) if place in text_columns else _written(value)
                    for place, value in enumerate(row)
                ]
            )

        return add

    def _new_sheet(self, title: str, header: Sequence[str]) -> Any:  # noqa: ANN401 - openpyxl's
        sheet = self._book.create_sheet(title)
        self._sheets.append(sheet)
        sheet.append(list(header))
        return sheet

    def save(self, file: IO[bytes]) -> None:
        """Ends the workbook."""
        self._book.save(file)

    def abandon(self) -> None:
        """Ends it without saving: openpyxl complains of sheets that are left open."""
        for sheet in self._sheets:
            sheet.close()


def _read(lines: Iterable[_Line]) -> Iterator[ReadRow]:
    for line, (values, uncomputed) in enumerate(lines, start=1):
        cells = [_text(value) for value in values]
        if any(cell.strip() for cell in cells):
            check_cells(line, cells)
            yield ReadRow(line, tuple(cells), uncomputed)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return format(Decimal(format(value, _EXCEL_DIGITS)), "f")
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case str():
            return original(value)
        case _:
            return str(value)


def _as_text(sheet: Any, value: object) -> Any:  # noqa: ANN401 - openpyxl's
    cell = WriteOnlyCell(sheet, _written(value))
    cell.number_format = FORMAT_TEXT
    return cell


def _written(value: object) -> Any:  # noqa: ANN401 - what openpyxl takes
    if isinstance(value, str):
        return neutral("".join(each for each in value if each >= " " or each in "\t\n"))
    return value
