"""ODS workbooks of LibreOffice and others: each cell says both what it holds and what it shows."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from campaigns.errors import InputError
from campaigns.source.cell_text import original, unescaped
from campaigns.source.currencies import currency_in, is_currency
from campaigns.source.number_format import Shown
from campaigns.source.sheet import BLANK, SheetCell, SheetLayout, read_row, text_cell
from campaigns.source.table import CellKind, ReadRow, check_cells
from campaigns.source.xml_parts import DamageError, damage_told, elements

_CONTENT, _SETTINGS = "content.xml", "settings.xml"
_DIGITS = ".15g"
_MOST_COLUMNS = 16_384
# A repeated row or cell without content stands for the empty rest of a sheet.
_MOST_REPEATS = 1_048_576
# A few bytes can claim to be repeated without end.
_MOST_CELLS = 50_000_000
_NUMBERS = frozenset({"float", "currency", "percentage"})
_HIDDEN = frozenset({"collapse", "filter"})
_GROUP_DIGITS = 3
_TINY = re.compile(r"0(\.0[0-3]\d*)?(in|cm)|0(\.\d+)?(pt|mm)")
_SIGNS_BESIDE = "-() \u2212\u00a0\u202f"
_AMOUNT = re.compile(r"-?[\d., \u00a0\u202f']*\d")


class OdsWorkbook:
    """Implements the Workbook port."""

    kind = "ODS workbook"

    def __init__(self, parts: ZipFile) -> None:
        self._parts = parts
        hidden_styles, names = set[str](), list[tuple[str, str]]()
        tiny = set[str]()
        with parts.open(_CONTENT) as file:
            for element in elements(file, ("{*}style", "{*}table-row", "{*}table")):
                match _local(element):
                    case "style":
                        if any(_get(child, "display") == "false" for child in element):
                            hidden_styles.add(_get(element, "name"))
                        if any(map(_is_tiny, element)):
                            tiny.add(_get(element, "name"))
                    case "table":
                        names.append((_get(element, "name"), _get(element, "style-name")))
        hides_zeros = _hides_zeros(parts)
        self.sheets: Sequence[OdsSheet] = [
            OdsSheet(
                parts,
                at,
                name,
                is_hidden=style in hidden_styles,
                tiny=tiny,
                hides_zeros=hides_zeros,
            )
            for at, (name, style) in enumerate(names)
        ]


@dataclass(slots=True)
class OdsSheet:
    """Implements the Sheet port."""

    parts: ZipFile
    at: int
    name: str
    is_hidden: bool
    tiny: Container[str] = ()
    """Styles of rows and columns that are too small to be seen."""
    hides_zeros: bool = False
    """Whether the document shows nothing for a zero."""
    layout: SheetLayout = field(default_factory=SheetLayout)

    def rows(self) -> Iterator[ReadRow]:
        """See the port."""
        layout, line, table, column = SheetLayout(), 1, 0, 0
        with damage_told(), self.parts.open(_CONTENT) as file:
            for element in elements(file, ("{*}table-column", "{*}table-row", "{*}table")):
                name = _local(element)
                if name == "table":
                    if table == self.at:
                        break
                    table, column = table + 1, 0
                elif table != self.at:
                    continue
                elif name == "table-column":
                    repeats = _repeats(element, "number-columns-repeated")
                    if self._is_hidden(element):
                        last = min(column + repeats, _MOST_COLUMNS)
                        layout.hidden_columns.update(range(column, last))
                    column += repeats
                else:
                    yield from self._rows(element, line, layout)
                    line += _repeats(element, "number-rows-repeated")
        self.layout = layout

    def _rows(self, element: Any, line: int, layout: SheetLayout) -> Iterator[ReadRow]:  # noqa: ANN401 - lxml's
        cells: list[SheetCell] = []
        computed: list[int] = []
        blanks = 0
        for child in element:
            cell = _cell(child)
            repeats = _repeats(child, "number-columns-repeated")
            if cell is BLANK:
                blanks += repeats
            else:
                if _get(child, "formula"):
                    computed.append(len(cells) + blanks)
                cells += [BLANK] * blanks + [cell] * min(repeats, _MOST_COLUMNS)
                blanks = 0
            across = _repeats(child, "number-columns-spanned")
            down = _repeats(child, "number-rows-spanned")
            if across > 1 or down > 1:
                place = len(cells) + blanks - 1
                layout.merged.append((line, place, line + down - 1, place + across - 1))
        if not any(cell.text.strip() for cell in cells):
            return
        check_cells(line, [cell.text for cell in cells])
        repeats = _repeats(element, "number-rows-repeated")
        if len(cells) * repeats > _MOST_CELLS:
            raise DamageError(f"line {line} is repeated {repeats:,} times")
        row = read_row(
            line,
            cells,
            is_hidden=self._is_hidden(element),
            computed=computed,
            hides_zeros=self.hides_zeros,
        )
        for repeat in range(repeats):
            yield row._replace(line=line + repeat)

    def _is_hidden(self, element: Any) -> bool:  # noqa: ANN401 - lxml's
        """Of a row or a column."""
        is_tiny = bool(self.tiny) and _get(element, "style-name") in self.tiny
        return is_tiny or _get(element, "visibility") in _HIDDEN


@contextmanager
def open_ods(path: Path) -> Iterator[OdsWorkbook]:
    """Raises InputError for what is not a whole workbook, or protected by a password."""
    with damage_told(), ZipFile(path) as parts:
        if b"encryption-data" in parts.read("META-INF/manifest.xml"):
            raise InputError(
                "the workbook is protected by a password: save it without one and plan that"
            )
        yield OdsWorkbook(parts)


def _hides_zeros(parts: ZipFile) -> bool:
    if _SETTINGS not in parts.namelist():
        return False
    with parts.open(_SETTINGS) as file:
        items = elements(file, ("{*}config-item",))
        return any(
            _get(item, "name") == "ShowZeroValues" and item.text == "false" for item in items
        )


def _cell(element: Any) -> SheetCell:  # noqa: ANN401 - lxml's
    kind, sight = _get(element, "value-type"), _shown_text(element)
    if kind in _NUMBERS:
        return _number(_get(element, "value"), sight)
    match kind:
        case "date":
            return _date(_get(element, "date-value"), sight)
        case "time":
            return SheetCell(sight, CellKind.DATE, Shown(sight, None))
        case "boolean":
            return SheetCell(_get(element, "boolean-value"), CellKind.FLAG)
    if _get(element, "formula") and re.fullmatch(r"#\S+|Err:\d+", sight):
        return SheetCell(sight, CellKind.ERROR)
    held = _get(element, "string-value")
    if not held or held.split() == sight.split():
        return text_cell(original(sight))
    if not any(_local(child) == "p" for child in element):
        return text_cell(original(held))
    return SheetCell(original(held), CellKind.TEXT, Shown(sight or "nothing", None))


def _number(value: str, sight: str) -> SheetCell:
    if not isfinite(float(value)):
        return SheetCell(sight or value, CellKind.ERROR)
    stored = Decimal(format(float(value), _DIGITS))
    text = format(stored, "f")
    read = _amount_shown(sight, stored)
    is_as_stored = read == stored and not re.match(r"\D*0\d", sight)
    unlike = None if is_as_stored else Shown(sight, read)
    return SheetCell(text, CellKind.NUMBER, unlike, currency_in(sight))


def _amount_shown(sight: str, stored: Decimal) -> Decimal | None:
    """The shown number: signs of currency and thousands aside, whatever its decimal sign is.

    None if the text is not the stored number, rounded to the decimals that are shown: it may be in
    thousands, a fraction, or without its sign.
    """
    match = _AMOUNT.search(sight)
    if match is None or re.search(r"[%/]|\dE[+-]?\d", sight, re.IGNORECASE):
        return None
    beside = (sight[: match.start()] + sight[match.end() :]).strip(_SIGNS_BESIDE)
    if beside and not is_currency(beside):
        return None
    if sight.count("-") + sight.count("(") > 1:
        return None
    bare = re.sub(r"[ \u00a0\u202f'-]", "", match.group())
    sign = -1 if "-" in sight or "(" in sight else 1
    for decimal, thousands in ((".", ","), (",", ".")):
        whole, _, decimals = bare.partition(decimal)
        digits = whole.replace(thousands, "")
        if not (digits + decimals).isdecimal() or not _is_grouped(whole, thousands):
            continue
        amount = sign * Decimal(f"{digits or 0}.{decimals or 0}")
        if abs(amount - stored) <= Decimal(5).scaleb(-len(decimals) - 1):
            return amount
    return None


def _is_grouped(whole: str, thousands: str) -> bool:
    """Whether its signs stand between thousands: 20.48 may be a format's own way to show 2048."""
    return all(len(group) == _GROUP_DIGITS for group in whole.split(thousands)[1:])


def _date(value: str, sight: str) -> SheetCell:
    moment = datetime.fromisoformat(value[:19])
    is_day = f"{moment:%H%M%S}" == "000000"
    text = moment.date().isoformat() if is_day else f"{moment:%Y-%m-%d %H:%M}"
    return SheetCell(text, CellKind.DATE, Shown(sight, None, is_partial=_is_part(moment, sight)))


def _is_part(moment: datetime, sight: str) -> bool:
    """Whether the year or the day cannot be seen; a month may be a word of any language."""
    numbers = [int(number) for number in re.findall(r"\d+", sight)]
    if moment.day not in numbers:
        return True
    # Mar-27 shows the year alone, also on the 27th.
    numbers.remove(moment.day)
    return moment.year not in numbers and moment.year % 100 not in numbers


def _shown_text(element: Any) -> str:  # noqa: ANN401 - lxml's
    """The paragraphs of a cell; notes that are attached to it are not in it."""
    text = "\n".join(_words(child) for child in element if _local(child) == "p")
    return unescaped(text) if "\r" in text else text


def _words(element: Any) -> str:  # noqa: ANN401 - lxml's
    parts = [element.text or ""]
    for child in element:
        match _local(child):
            case "s":
                parts.append(" " * _repeats(child, "c"))
            case "tab":
                parts.append("\t")
            case "line-break":
                parts.append("\n")
            case _:
                parts.append(_words(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _is_tiny(properties: Any) -> bool:  # noqa: ANN401 - lxml's
    size = _get(properties, "row-height") or _get(properties, "column-width")
    return _TINY.fullmatch(size) is not None


def _local(element: Any) -> str:  # noqa: ANN401 - lxml's
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _get(element: Any, name: str) -> str:  # noqa: ANN401 - lxml's
    """An attribute by its local name."""
    attributes: Mapping[str, str] = element.attrib
    return next((value for key, value in attributes.items() if key.rpartition("}")[2] == name), "")


def _repeats(element: Any, name: str) -> int:  # noqa: ANN401 - lxml's
    return min(int(_get(element, name) or 1), _MOST_REPEATS)
