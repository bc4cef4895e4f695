"""XLSX workbooks, row by row from their XML, with what a cell holds and what it shows.

openpyxl's own streaming reader gives values alone: it does not say which rows are hidden, which
cells are merged, or what a formula last came to beside the formula. All of that is in the same XML,
which is read here once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from campaigns.source.cell_text import original, unescaped
from campaigns.source.conditional_format import numbered_styles, restyled_ranges
from campaigns.source.number_format import GENERAL
from campaigns.source.office_package import NumberFormats, OfficePackage
from campaigns.source.sheet import (
    BLANK,
    SheetCell,
    SheetLayout,
    iso_date_cell,
    number_cell,
    read_row,
    text_cell,
)
from campaigns.source.table import CellKind, ReadRow, check_cells
from campaigns.source.xml_parts import DamageError, damage_told, elements

_SHEET_TAGS = ("{*}row", "{*}col", "{*}mergeCell", "{*}sheetView", "{*}conditionalFormatting")
_YES, _NO = frozenset({"1", "true", "on"}), frozenset({"0", "false", "off"})
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384


class XlsxWorkbook:
    """Its sheets, and what their cells refer to."""

    kind = "XLSX workbook"

    def __init__(self, package: OfficePackage) -> None:
        self.package = package
        root, targets = package.tree(package.main), package.targets()
        self._from_1904 = any(
            element.get("date1904") in _YES for element in root.iterfind("{*}workbookPr")
        )
        # Writers that do not compute store zeros beside formulas; who opens the file sees others.
        self._computes_anew = any(
            element.get("fullCalcOnLoad") in _YES for element in root.iterfind("{*}calcPr")
        )
        self._shared = targets.by_kind("sharedStrings")
        self._styles = targets.by_kind("styles")
        self.sheets: Sequence[XlsxSheet] = [
            XlsxSheet(self, element.get("name") or "", part, element.get("state") or "visible")
            for element in root.iterfind("{*}sheets/{*}sheet")
            if (part := targets.sheet(_relation(element)))
        ]

    @cached_property
    def strings(self) -> list[str]:
        """The texts that cells share."""
        if self._shared is None:
            return []
        with self.package.opened(self._shared) as file:
            return [_rich_text(element) for element in elements(file, ("{*}si",))]

    @cached_property
    def _style_sheet(self) -> Any:  # noqa: ANN401 - lxml's
        return None if self._styles is None else self.package.tree(self._styles)

    @cached_property
    def numbered_styles(self) -> frozenset[str]:
        """The conditional styles that have a number format."""
        return frozenset() if self._style_sheet is None else numbered_styles(self._style_sheet)

    @cached_property
    def formats(self) -> NumberFormats:
        """The number format of each style."""
        root = self._style_sheet
        if root is None:
            return NumberFormats({}, [])
        own = {
            int(element.get("numFmtId") or 0): element.get("formatCode", GENERAL)
            for element in root.iterfind("{*}numFmts/{*}numFmt")
        }
        styles = root.iterfind("{*}cellXfs/{*}xf")
        return NumberFormats(own, [int(element.get("numFmtId") or 0) for element in styles])

    def cell(self, element: Any) -> SheetCell:  # noqa: ANN401 - lxml's
        """From a `c` element."""
        kind = element.get("t") or "n"
        if len(element) == 1 and (only := element[0]).tag.endswith("}v") and only.text:
            return self._valued(kind, only.text, element)
        raw, formula, inline = None, None, None
        for child in element:
            name = child.tag.rpartition("}")[2]
            if name == "v":
                raw = child.text
            elif name == "f":
                formula = child.text or ""
            elif name == "is":
                inline = _rich_text(child)
        if inline is not None:
            return text_cell(original(inline), self._code(element))
        if formula is not None and self._is_uncomputed(kind, raw):
            return SheetCell(f"={formula}", CellKind.UNCOMPUTED)
        if raw is None:
            return BLANK
        return self._valued(kind, raw, element)

    def _is_uncomputed(self, kind: str, raw: str | None) -> bool:
        """Whether the value beside a formula is missing, or one that nobody sees."""
        if raw is None:
            return kind != "str"
        return self._computes_anew and not raw.strip("-0. ")

    def _valued(self, kind: str, raw: str, element: Any) -> SheetCell:  # noqa: ANN401 - lxml's
        match kind:
            case "s":
                return text_cell(original(self.strings[int(raw)]), self._code(element))
            case "str":
                return text_cell(original(unescaped(raw)), self._code(element))
            case "b":
                return SheetCell("true" if raw.strip() in _YES else "false", CellKind.FLAG)
            case "e":
                return SheetCell(raw, CellKind.ERROR)
            case "d":
                day, _, time = raw.partition("T")
                is_day = time.strip("0:.Z") == ""
                return iso_date_cell(day if is_day else f"{day} {time[:5]}", self._code(element))
            case _:
                return number_cell(raw.strip(), self._code(element), from_1904=self._from_1904)

    def _code(self, element: Any) -> str:  # noqa: ANN401 - lxml's
        return self.formats.code(int(element.get("s") or 0))


@dataclass(slots=True)
class XlsxSheet:
    """Implements the Sheet port."""

    book: XlsxWorkbook
    name: str
    part: str
    state: str
    layout: SheetLayout = field(default_factory=SheetLayout)

    @property
    def is_hidden(self) -> bool:
        """See the port."""
        return self.state != "visible"

    def rows(self) -> Iterator[ReadRow]:
        """See the port."""
        layout, line, hides_zeros = SheetLayout(), 0, False
        with damage_told(), self.book.package.opened(self.part) as file:
            for element in elements(file, _SHEET_TAGS):
                match element.tag.rpartition("}")[2]:
                    case "row":
                        line = int(element.get("r") or line + 1)
                        row = self._row(line, element, hides_zeros=hides_zeros)
                        if row is not None:
                            yield row
                    case "sheetView":
                        hides_zeros |= element.get("showZeros") in _NO
                    case "conditionalFormatting":
                        ranges = restyled_ranges(element, self.book.numbered_styles)
                        layout.restyled += map(_area, ranges)
                    case "col":
                        _note_column(layout, element)
                    case _:
                        layout.merged.append(_area(element.get("ref", "A1")))
        self.layout = layout

    def _row(self, line: int, element: Any, *, hides_zeros: bool) -> ReadRow | None:  # noqa: ANN401 - lxml's
        """None: nothing is in it."""
        if not len(element):
            return None
        cells: list[SheetCell] = []
        computed: list[int] = []
        for child in element:
            if reference := child.get("r"):
                place = _column(reference.rstrip("0123456789"))
                if place < len(cells):
                    raise DamageError(f"{reference} comes after a cell to its right")
                cells += [BLANK] * (place - len(cells))
            if len(child) > 1:
                # A value beside its formula.
                computed.append(len(cells))
            cells.append(self.book.cell(child))
        hidden = element.get("hidden") in _YES or _is_tiny(element.get("ht"))
        row = read_row(line, cells, is_hidden=hidden, computed=computed, hides_zeros=hides_zeros)
        if not "".join(row.cells).strip():
            return None
        check_cells(line, row.cells)
        return row


@contextmanager
def open_xlsx(path: Path) -> Iterator[XlsxWorkbook]:
    """Raises InputError for what is not a whole workbook."""
    with damage_told(), ZipFile(path) as parts:
        yield XlsxWorkbook(OfficePackage(parts, "workbook.xml"))


def _rich_text(element: Any) -> str:  # noqa: ANN401 - lxml's
    """Of a text in runs; how it is to be spoken (rPh) is left out."""
    if len(element) == 1 and element[0].tag.endswith("}t"):
        return unescaped(element[0].text or "")
    texts = (
        child.text or ""
        for child in element.iter("{*}t")
        if not any(above.tag.endswith("}rPh") for above in child.iterancestors())
    )
    return unescaped("".join(texts))


def _relation(element: Any) -> str:  # noqa: ANN401 - lxml's
    return next((value for name, value in element.items() if name.endswith("}id")), "")


def _note_column(layout: SheetLayout, element: Any) -> None:  # noqa: ANN401 - lxml's
    if element.get("hidden") in _YES or _is_tiny(element.get("width")):
        first, last = int(element.get("min") or 1), int(element.get("max") or 1)
        layout.hidden_columns.update(range(first - 1, min(last, _MOST_COLUMNS)))


def _is_tiny(size: str | None) -> bool:
    """Whether a row's height or a column's width is less than one, so that nothing can be seen."""
    return size is not None and size.startswith("0")


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    """The place of a column such as C: 2."""
    place = 0
    for letter in letters:
        if not "A" <= letter.upper() <= "Z":
            raise DamageError(f"there is no column {letters[:20]}")
        place = place * 26 + ord(letter.upper()) - 64
    if not 1 <= place <= _MOST_COLUMNS:
        raise DamageError(f"there is no column {letters[:20]}")
    return place - 1


def _area(reference: str) -> tuple[int, int, int, int]:
    """Of A1:B2, or of whole columns or rows: A:B, 1:2."""
    first, _, last = reference.replace("$", "").partition(":")
    (first_column, first_row), (last_column, last_row) = _corner(first), _corner(last or first)
    return (
        int(first_row or 1),
        _column(first_column or "A"),
        int(last_row or _MOST_ROWS),
        _column(last_column) if last_column else _MOST_COLUMNS - 1,
    )


def _corner(reference: str) -> tuple[str, str]:
    letters = reference.rstrip("0123456789")
    return letters, reference[len(letters) :]
