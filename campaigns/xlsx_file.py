"""XLSX in and out. Only the first sheet is read; formulas count with the value they last had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from campaigns.faults import InputError
from campaigns.neutral import neutral, original
from campaigns.source import Form, RawRow, Source, check_cells, check_header

# Excel itself computes with so many; what is beyond them is the noise of binary fractions.
_EXCEL_DIGITS = ".15g"
_MAX_ROWS = 1_048_575  # beside the header


@contextmanager
def opened_xlsx(path: Path) -> Iterator[Source]:
    """The first sheet's rows. Raises InputError."""
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as exc:
        raise InputError("the file is no XLSX workbook") from exc
    try:
        rows = _read(book.worksheets[0].iter_rows(values_only=True))
        header = check_header(next(rows, RawRow(1, ())).cells)
        yield Source(path.name, Form("xlsx", header), rows)
    finally:
        book.close()


class XlsxOut:
    """Sheets of a new workbook; numbers stay numbers, text is never a formula."""

    def __init__(self) -> None:
        self._book = Workbook(write_only=True)

    def sheet(self, title: str, header: Sequence[str]) -> Callable[[Sequence[object]], None]:
        """Begins a sheet; what is returned adds a row, as long as the sheet can hold it."""
        sheet = self._book.create_sheet(title)
        sheet.append(list(header))
        places = iter(range(_MAX_ROWS))

        def add(row: Sequence[object]) -> None:
            if next(places, None) is not None:
                sheet.append([_written(value) for value in row])

        return add

    def save(self, path: Path) -> None:
        """Ends the workbook."""
        self._book.save(path)


def _read(rows: Iterable[tuple[Any, ...]]) -> Iterator[RawRow]:
    for line, values in enumerate(rows, start=1):
        cells = [_text(value) for value in values]
        if any(cell.strip() for cell in cells):
            check_cells(line, cells)
            yield RawRow(line, tuple(cells))


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


def _written(value: object) -> Any:  # noqa: ANN401 - what openpyxl takes
    if isinstance(value, str):
        return neutral("".join(each for each in value if each >= " " or each in "\t\n"))
    return value
