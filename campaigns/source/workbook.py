"""Workbooks in: which sheets are meant, what is hidden or merged, and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from campaigns.errors import InputError
from campaigns.source.columns import find_columns
from campaigns.source.header import check_header, header_row
from campaigns.source.ods_book import open_ods
from campaigns.source.options import ReadOptions
from campaigns.source.sheet import Sheet, Workbook, place_name
from campaigns.source.table import CellKind, Form, ReadRow, Table
from campaigns.source.titles import key_of
from campaigns.source.xls_book import open_xls
from campaigns.source.xlsb_book import open_xlsb
from campaigns.source.xlsx_book import open_xlsx

_LOOKED_AT_ROWS = 30
_SHOWN_AREAS = 3


@contextmanager
def open_workbook_table(path: Path, kind: str, options: ReadOptions) -> Iterator[Table]:
    """The sheets' common header, and their rows. Raises InputError."""
    with _opened(path, kind) as book:
        sheets = [_Headed(sheet, _header(sheet, options)) for sheet in _meant(book, options)]
        header = sheets[0].titles
        for other in sheets[1:]:
            if list(map(key_of, other.titles)) != list(map(key_of, header)):
                raise InputError(
                    f"sheet {other.sheet.name} has other columns than {sheets[0].sheet.name}: "
                    "plan them apart"
                )
        facts = {
            "kind": book.kind,
            "sheets": [headed.sheet.name for headed in sheets],
            "sheets_left_out": [
                sheet.name
                for sheet in book.sheets
                if sheet.name not in {headed.sheet.name for headed in sheets}
            ],
        }

        @contextmanager
        def rows() -> Iterator[Iterator[ReadRow]]:
            yield (
                row._replace(sheet=headed.sheet.name) if len(sheets) > 1 else row
                for headed in sheets
                for row in headed.sheet.rows()
                if row.line > headed.header.line
            )

        yield Table(
            path.name,
            Form(kind, check_header(header)),
            sheets[0].header.line,
            facts,
            rows,
            lambda: _column_faults(sheets, options),
        )


def _opened(path: Path, kind: str) -> AbstractContextManager[Workbook]:
    if kind == "xls":
        return open_xls(path)
    if kind == "ods":
        return open_ods(path)
    if kind == "xlsb":
        return open_xlsb(path)
    return open_xlsx(path)


@dataclass(frozen=True, slots=True)
class _Headed:
    sheet: Sheet
    header: ReadRow

    @property
    def titles(self) -> tuple[str, ...]:
        return self.header.cells


def _meant(book: Workbook, options: ReadOptions) -> Sequence[Sheet]:
    by_name = {sheet.name.lower(): sheet for sheet in book.sheets}
    if options.sheets:
        for name in options.sheets:
            if name.lower() not in by_name:
                names = ", ".join(sheet.name for sheet in book.sheets)
                raise InputError(f"--sheet {name}: there is no such sheet; there are {names}")
        return [by_name[name.lower()] for name in dict.fromkeys(options.sheets)]
    filled = [
        sheet for sheet in book.sheets if not sheet.is_hidden and any(True for _ in sheet.rows())
    ]
    if not filled:
        hidden = [sheet.name for sheet in book.sheets if sheet.is_hidden]
        more = f"; hidden are {', '.join(hidden)} (--sheet reads one)" if hidden else ""
        raise InputError(f"the file is empty: no sheet that is shown has cells{more}")
    if len(filled) > 1:
        names = ", ".join(sheet.name for sheet in filled)
        raise InputError(
            f"several sheets have cells: {names}. Say which is meant with --sheet NAME, which may "
            "be repeated"
        )
    return filled


def _header(sheet: Sheet, options: ReadOptions) -> ReadRow:
    rows = sheet.rows()
    header = header_row(list(islice(rows, _LOOKED_AT_ROWS)), options)
    if CellKind.UNCOMPUTED in header.kinds:
        raise InputError("the first line names the columns; it must not hold formulas")
    while header.cells and not header.cells[-1].strip():
        header = header._replace(cells=header.cells[:-1])
    return header


def _column_faults(sheets: Sequence[_Headed], options: ReadOptions) -> dict[int, str]:
    """Why a column cannot be used as it stands, by place."""
    faults: dict[int, str] = {}
    stated = find_columns(check_header(sheets[0].titles), options).stated
    for headed in sheets:
        layout = headed.sheet.layout
        for place in layout.hidden_columns - stated:
            title = headed.titles[place] if place < len(headed.titles) else ""
            faults[place] = (
                f"column {place_name(place)} ({title}) is hidden: show it, or state that it is "
                f'meant with --map "{title}={title}"'
            )
        for place in _by_column(headed, layout.restyled).keys() - stated:
            title = headed.titles[place]
            faults[place] = (
                f"column {place_name(place)} ({title}) has a conditional format that hides numbers "
                "or shows others: take it off, or state that what is stored is meant with --map "
                f'"{title}={title}"'
            )
        for place, areas in _by_column(headed, layout.merged).items():
            faults[place] = (
                f"column {place_name(place)} has merged cells ({', '.join(areas[:_SHOWN_AREAS])}), "
                "whose value is that of one row only: unmerge them and fill each row"
            )
    return faults


def _by_column(headed: _Headed, areas: Sequence[tuple[int, int, int, int]]) -> dict[int, list[str]]:
    """The areas from the header on, in words, by the columns that they touch."""
    names: dict[int, list[str]] = {}
    for first_row, first, last_row, last in areas:
        if last_row >= headed.header.line:
            name = f"{place_name(first)}{first_row}:{place_name(last)}{last_row}"
            for place in range(first, min(last + 1, len(headed.titles))):
                names.setdefault(place, []).append(name)
    return names
