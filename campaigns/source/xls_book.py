"""XLS workbooks of Excel 97 to 2003 (and before), read by xlrd."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from traceback import walk_tb
from typing import Any

import xlrd
from xlrd.biffh import XLRDError
from xlrd.compdoc import SIGNATURE, CompDoc

from campaigns.errors import InputError
from campaigns.source.cell_text import original, unescaped
from campaigns.source.number_format import GENERAL
from campaigns.source.sheet import BLANK, SheetCell, SheetLayout, number_cell, read_row, text_cell
from campaigns.source.table import CellKind, ReadRow, check_cells

# What is smaller than these cannot be seen.
_ONE_CHARACTER, _ONE_POINT = 256, 20
_RECORD = struct.Struct("<HH")
_PLACE = struct.Struct("<HH")
_BOUND_SHEET = 0x85
_BEGINNINGS = frozenset({0x0009, 0x0209, 0x0409, 0x0809})
_FORMULAS = frozenset({0x0006, 0x0206, 0x0406})
_UNCOMPUTED = SheetCell("=…", CellKind.UNCOMPUTED)
_PARTS = {
    "biff2_8_load": "its container",
    "unpack_SST_table": "its texts",
    "names_epilogue": "a named range",
    "xf": "a cell format",
    "get_sheets": "a sheet",
}
"""In words, by the function of xlrd that reads it."""


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
    formulas: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    """By row and column from 0, and whether the stored value is zero; see `_formulas`."""
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
            if info.hidden or info.width < _ONE_CHARACTER:
                self.layout.hidden_columns.add(place)
        self.layout.merged = [
            (first_row + 1, first, last_row, last - 1)
            for first_row, last_row, first, last in sheet.merged_cells
        ]
        for index in range(sheet.nrows):
            cells = [
                _UNCOMPUTED if self.formulas.get((index, place)) else self._cell(cell)
                for place, cell in enumerate(sheet.row(index))
            ]
            if any(cell.text.strip() for cell in cells):
                check_cells(index + 1, [cell.text for cell in cells])
                info = sheet.rowinfo_map.get(index)
                computed = [at for at in range(len(cells)) if (index, at) in self.formulas]
                hidden = bool(info and (info.hidden or 0 <= info.height < _ONE_POINT))
                yield read_row(
                    index + 1,
                    cells,
                    is_hidden=hidden,
                    computed=computed,
                    hides_zeros=not sheet.show_zero_values,
                )

    def _cell(self, cell: Any) -> SheetCell:  # noqa: ANN401 - xlrd's
        match cell.ctype:
            case xlrd.XL_CELL_TEXT:
                return text_cell(original(unescaped(cell.value)), self._code(cell))
            case xlrd.XL_CELL_NUMBER | xlrd.XL_CELL_DATE:
                return self._number(cell)
            case xlrd.XL_CELL_BOOLEAN:
                return SheetCell("true" if cell.value else "false", CellKind.FLAG)
            case xlrd.XL_CELL_ERROR:
                words = xlrd.error_text_from_code.get(cell.value, "#ERROR!")
                return SheetCell(words, CellKind.ERROR)
            case _:
                return BLANK

    def _code(self, cell: Any) -> str:  # noqa: ANN401 - xlrd's
        try:
            style = self.book.xf_list[cell.xf_index]
            return str(self.book.format_map[style.format_key].format_str)
        except (IndexError, KeyError, TypeError):
            return GENERAL

    def _number(self, cell: Any) -> SheetCell:  # noqa: ANN401 - xlrd's
        code = self._code(cell)
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
        formulas = _formulas(path.read_bytes())
    except XLRDError as exc:
        if "encrypted" in str(exc).lower():
            raise InputError(
                "the workbook is protected by a password: save it without one and plan that"
            ) from exc
        raise InputError(
            f"the workbook cannot be read: {exc}; open it in a spreadsheet program and save it as "
            "XLSX"
        ) from exc
    except Exception as exc:
        raise InputError(
            f"the workbook is damaged, or of a kind not known: {_unread_part(exc)} cannot be read; "
            "open it in a spreadsheet program and save it as XLSX"
        ) from exc
    with book:
        yield XlsWorkbook(
            book,
            [
                XlsSheet(book, sheet, formulas.get(number, {}))
                for number, sheet in enumerate(book.sheets())
            ],
        )


def _unread_part(error: Exception) -> str:
    """The part of the file that xlrd was reading."""
    steps = [frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)]
    return next((_PARTS[step] for step in reversed(steps) if step in _PARTS), "a part of it")


def _formulas(content: bytes) -> dict[int, dict[tuple[int, int], bool]]:
    """By sheet, the formulas, and whether the value is zero: a text that is not in the file?

    LibreOffice stores zero for a formula that came to a text, and computes it again when it opens
    the file. xlrd does not tell formulas from values, so the records are looked at here.
    """
    stream = _workbook_stream(content)
    starts: list[int] = []
    formulas: dict[int, dict[tuple[int, int], bool]] = {}
    sheet, at = -1, 0
    while at + _RECORD.size <= len(stream):
        kind, size = _RECORD.unpack_from(stream, at)
        body = stream[at + _RECORD.size : at + _RECORD.size + size]
        if kind == _BOUND_SHEET:
            starts.append(int.from_bytes(body[:4], "little"))
        elif kind in _BEGINNINGS and at in starts:
            sheet = starts.index(at)
        elif kind in _FORMULAS:
            row, column = _PLACE.unpack_from(body)
            formulas.setdefault(sheet, {})[row, column] = body[6:14] == bytes(8)
        at += _RECORD.size + size
    return formulas


def _workbook_stream(content: bytes) -> bytes:
    """The records of a workbook, which are in a container since Excel 5."""
    if not content.startswith(SIGNATURE):
        return content
    container = CompDoc(content, logfile=io.StringIO())
    for name in ("Workbook", "Book"):
        memory, start, size = container.locate_named_stream(name)
        if memory:
            return bytes(memory[start : start + size])
    return b""
