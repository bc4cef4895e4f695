"""XLS workbooks of Excel 97 to 2003 (and before), read by xlrd."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xlrd
from xlrd.biffh import XLRDError

from campaigns.errors import InputError
from campaigns.source.cell_text import original, unescaped
from campaigns.source.number_format import GENERAL
from campaigns.source.sheet import BLANK, SheetCell, SheetLayout, number_cell, read_row, text_cell
from campaigns.source.table import CellKind, ReadRow, check_cells


@dataclass(frozen=True, slots=True)
class XlsWorkbook:
    """Implements the Workbook port."""

    book: Any
    sheets: Sequence[XlsSheet]
    kind: str = "XLS workbook"


@dataclass(slots=True)
class XlsSheet:
    """Implements the Sheet port."""

    book: Any
    sheet: Any
    layout: SheetLayout = field(default_factory=SheetLayout)

    @property
    def name(self) -> str:
        """See the port."""
        return str(self.sheet.name)

    @property
    def is_hidden(self) -> bool:
        """See the port."""
        return bool(self.sheet.visibility)

    def rows(self) -> Iterator[ReadRow]:
        """See the port."""
        sheet = self.sheet
        for place, info in sheet.colinfo_map.items():
            if info.hidden or not info.width:
                self.layout.hidden_columns.add(place)
        self.layout.merged = [
            (first_row + 1, first, last_row, last - 1)
            for first_row, last_row, first, last in sheet.merged_cells
        ]
        for index in range(sheet.nrows):
            cells = [self._cell(cell) for cell in sheet.row(index)]
            if any(cell.text.strip() for cell in cells):
                check_cells(index + 1, [cell.text for cell in cells])
                info = sheet.rowinfo_map.get(index)
                yield read_row(index + 1, cells, is_hidden=bool(info and info.hidden))

    def _cell(self, cell: Any) -> SheetCell:  # noqa: ANN401 - xlrd's
        match cell.ctype:
            case xlrd.XL_CELL_TEXT:
                return text_cell(original(unescaped(cell.value)))
            case xlrd.XL_CELL_NUMBER | xlrd.XL_CELL_DATE:
                return self._number(cell)
            case xlrd.XL_CELL_BOOLEAN:
                return SheetCell("true" if cell.value else "false", CellKind.FLAG)
            case xlrd.XL_CELL_ERROR:
                words = xlrd.error_text_from_code.get(cell.value, "#ERROR!")
                return SheetCell(words, CellKind.ERROR)
            case _:
                return BLANK

    def _number(self, cell: Any) -> SheetCell:  # noqa: ANN401 - xlrd's
        try:
            style = self.book.xf_list[cell.xf_index]
            code = self.book.format_map[style.format_key].format_str
        except (IndexError, KeyError, TypeError):
            code = GENERAL
        try:
            return number_cell(repr(cell.value), code, from_1904=self.book.datemode == 1)
        except (ValueError, OverflowError):
            return SheetCell(str(cell.value), CellKind.ERROR)


@contextmanager
def open_xls(path: Path) -> Iterator[XlsWorkbook]:
    """Raises InputError for what is not a whole workbook, or protected by a password."""
    try:
        # What xlrd has to say of odd files goes nowhere: it would be in the middle of a report.
        book = xlrd.open_workbook(str(path), formatting_info=True, logfile=io.StringIO())
    except XLRDError as exc:
        if "encrypted" in str(exc).lower():
            raise InputError(
                "the workbook is protected by a password: save it without one and plan that"
            ) from exc
        raise InputError(f"the workbook cannot be read: {exc}; save it as XLSX") from exc
    except Exception as exc:
        raise InputError(
            "the workbook is damaged, or of a kind not known; save it as XLSX"
        ) from exc
    with book:
        sheets = [XlsSheet(book, sheet) for sheet in book.sheets()]
        yield XlsWorkbook(book, sheets)
