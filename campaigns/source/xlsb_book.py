"""XLSB workbooks: the parts of an XLSX, but of binary records instead of XML (MS-XLSB).

Readers of them give values alone: neither which rows are hidden nor what a number format shows. So
the records that say so are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from zipfile import ZipFile

from xlrd.biffh import error_text_from_code

from campaigns.source.biff12 import Kind, Records, wide_text
from campaigns.source.cell_text import original
from campaigns.source.office_package import NumberFormats, OfficePackage
from campaigns.source.sheet import BLANK, SheetCell, SheetLayout, number_cell, read_row, text_cell
from campaigns.source.table import CellKind, ReadRow, check_cells
from campaigns.source.xml_parts import damage_told

_CELL = struct.Struct("<II")
_ROW = struct.Struct("<IIHBB")
_COLUMN = struct.Struct("<IIIIH")
_AREA = struct.Struct("<IIII")
_NUMBERS = struct.Struct("<HH")
_REAL = struct.Struct("<d")
_INDEX, _SIGNED = struct.Struct("<I"), struct.Struct("<i")
_VALUE_AT = 8
_STYLE_BITS = 0xFFFFFF
_HIDDEN_ROW, _HIDDEN_COLUMN, _SHOWS_ZEROS = 0x10, 0x01, 0x10
# What is smaller than these cannot be seen.
_ONE_POINT, _ONE_CHARACTER = 20, 256
_MOST_COLUMNS = 16_384
_FORMULAS = frozenset(
    {Kind.FORMULA_TEXT, Kind.FORMULA_NUMBER, Kind.FORMULA_FLAG, Kind.FORMULA_ERROR}
)


class XlsbWorkbook:
    """Implements the Workbook port."""

    kind = "XLSB workbook"

    def __init__(self, package: OfficePackage) -> None:
        self.package = package
        targets = package.targets()
        self._shared = targets.by_kind("sharedStrings")
        self._styles = targets.by_kind("styles")
        self._from_1904 = False
        sheets = list[XlsbSheet]()
        for kind, body in self.records(package.main):
            if kind == Kind.WORKBOOK:
                self._from_1904 = bool(body[0] & 1)
            elif kind == Kind.SHEET:
                relation, at = wide_text(body, 8)
                name, _ = wide_text(body, at)
                if part := targets.sheet(relation):
                    is_hidden = body[:4] != bytes(4)
                    sheets.append(XlsbSheet(self, name, part, is_hidden=is_hidden))
        self.sheets: Sequence[XlsbSheet] = sheets

    def records(self, part: str) -> Iterator[tuple[int, bytes]]:
        """A part's records."""
        with self.package.opened(part) as file:
            yield from Records(file)

    @cached_property
    def strings(self) -> list[str]:
        """The texts that cells share."""
        if self._shared is None:
            return []
        records = self.records(self._shared)
        return [wide_text(body, 1)[0] for kind, body in records if kind == Kind.SHARED_TEXT]

    @cached_property
    def formats(self) -> NumberFormats:
        """The number format of each style."""
        own, styles, is_of_cells = dict[int, str](), list[int](), False
        for kind, body in self.records(self._styles) if self._styles else ():
            match kind:
                case Kind.FORMAT:
                    own[int.from_bytes(body[:2], "little")] = wide_text(body, 2)[0]
                case Kind.CELL_STYLES | Kind.CELL_STYLES_END:
                    is_of_cells = kind == Kind.CELL_STYLES
                case Kind.STYLE if is_of_cells:
                    styles.append(_NUMBERS.unpack_from(body)[1])
        return NumberFormats(own, styles)

    def cell(self, kind: int, body: bytes) -> SheetCell:
        """From a cell's record."""
        match kind:
            case Kind.SHARED:
                return self._text(self.strings[_INDEX.unpack_from(body, _VALUE_AT)[0]], body)
            case Kind.TEXT | Kind.FORMULA_TEXT:
                return self._text(wide_text(body, _VALUE_AT)[0], body)
            case Kind.RICH_TEXT:
                return self._text(wide_text(body, _VALUE_AT + 1)[0], body)
            case Kind.FLAG | Kind.FORMULA_FLAG:
                return SheetCell("true" if body[_VALUE_AT] else "false", CellKind.FLAG)
            case Kind.ERROR | Kind.FORMULA_ERROR:
                words = error_text_from_code.get(body[_VALUE_AT], "#ERROR!")
                return SheetCell(words, CellKind.ERROR)
            case Kind.REAL | Kind.FORMULA_NUMBER:
                return self._number(_REAL.unpack_from(body, _VALUE_AT)[0], body)
            case Kind.SHORT:
                return self._number(_short_number(body), body)
            case _:
                return BLANK

    def _text(self, text: str, body: bytes) -> SheetCell:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return text_cell(original(text), self._code(body))

    def _number(self, number: float, body: bytes) -> SheetCell:
        text = str(int(number)) if number.is_integer() else repr(number)
        return number_cell(text, self._code(body), from_1904=self._from_1904)

    def _code(self, body: bytes) -> str:
        """The number format of a cell's record."""
        return self.formats.code(_CELL.unpack_from(body)[1] & _STYLE_BITS)


@dataclass(slots=True)
class XlsbSheet:
    """Implements the Sheet port."""

    book: XlsbWorkbook
    name: str
    part: str
    is_hidden: bool
    layout: SheetLayout = field(default_factory=SheetLayout)

    def rows(self) -> Iterator[ReadRow]:
        """See the port."""
        layout, row, hides_zeros = SheetLayout(), _Row(), False
        with damage_told():
            for kind, body in self.book.records(self.part):
                match kind:
                    case Kind.ROW | Kind.ROWS_END:
                        if read := row.read(hides_zeros=hides_zeros):
                            yield read
                        row = _Row.of(body) if kind == Kind.ROW else _Row()
                    case Kind.VIEW:
                        hides_zeros |= not body[0] & _SHOWS_ZEROS
                    case Kind.COLUMN:
                        _note_column(layout, body)
                    case Kind.MERGED:
                        first, last, left, right = _AREA.unpack_from(body)
                        layout.merged.append((first + 1, left, last + 1, right))
                    case _ if Kind.BLANK <= kind <= Kind.LAST_CELL or kind == Kind.RICH_TEXT:
                        row.add(kind, _CELL.unpack_from(body)[0], self.book.cell(kind, body))
        self.layout = layout


@dataclass(slots=True)
class _Row:
    """A row of which the cells are still coming."""

    line: int = 0
    is_hidden: bool = False
    cells: list[SheetCell] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, body: bytes) -> _Row:
        number, _, height, _, flags = _ROW.unpack_from(body)
        return cls(number + 1, bool(flags & _HIDDEN_ROW) or height < _ONE_POINT)

    def add(self, kind: int, place: int, cell: SheetCell) -> None:
        if cell is BLANK:
            return
        if not len(self.cells) <= place < _MOST_COLUMNS:
            raise ValueError(place)
        self.cells += [BLANK] * (place - len(self.cells))
        if kind in _FORMULAS:
            self.computed.append(place)
        self.cells.append(cell)

    def read(self, *, hides_zeros: bool) -> ReadRow | None:
        """None: nothing is in it."""
        texts = [cell.text for cell in self.cells]
        if not "".join(texts).strip():
            return None
        check_cells(self.line, texts)
        return read_row(
            self.line,
            self.cells,
            is_hidden=self.is_hidden,
            computed=self.computed,
            hides_zeros=hides_zeros,
        )


@contextmanager
def open_xlsb(path: Path) -> Iterator[XlsbWorkbook]:
    """Raises InputError for what is not a whole workbook."""
    with damage_told(), ZipFile(path) as parts:
        yield XlsbWorkbook(OfficePackage(parts, "workbook.bin"))


def _short_number(body: bytes) -> float:
    """30 bits of a number, and whether they are an integer, and hundredths."""
    (bits,) = _SIGNED.unpack_from(body, _VALUE_AT)
    if bits & 2:
        number = float(bits >> 2)
    else:
        number = float(_REAL.unpack(bytes(4) + _SIGNED.pack(bits & ~3))[0])
    return number / 100 if bits & 1 else number


def _note_column(layout: SheetLayout, body: bytes) -> None:
    first, last, width, _, flags = _COLUMN.unpack_from(body)
    if flags & _HIDDEN_COLUMN or width < _ONE_CHARACTER:
        layout.hidden_columns.update(range(first, min(last + 1, _MOST_COLUMNS)))
