"""Workbooks of any program: what a cell holds, what it shows, and what of a sheet is hidden."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest

from campaigns.errors import InputError
from campaigns.plan.price_list import open_price_list
from campaigns.rules.rules import Rules
from campaigns.source.cell_text import unescaped
from campaigns.source.cells import ParsedRow
from campaigns.source.number_format import is_date_format, shown
from campaigns.source.options import HiddenRows, Rates, ReadOptions

NAMESPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)
WriteOds = Callable[..., Path]


def read(path: Path, options: ReadOptions | None = None) -> list[Any]:
    """Each row, or its problems."""
    with open_price_list(path, options or ReadOptions(), Rules()) as prices:
        return [row for _, row in prices.rows()]


def text(words: str, more: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="string" {more}><text:p>{words}</text:p>'
        "</table:table-cell>"
    )


def number(value: str, sight: str, kind: str = "float", more: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="{kind}" office:value="{value}" {more}>'
        f"<text:p>{sight}</text:p></table:table-cell>"
    )


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


@pytest.fixture
def write_ods(tmp_path: Path) -> WriteOds:
    def to_file(*rows: str, columns: str = "", before: str = "", encrypted: bool = False) -> Path:
        header = row(text("id"), text("rate"))
        content = (
            f"<office:document-content {NAMESPACES}><office:body><office:spreadsheet>{before}"
            f'<table:table table:name="Prices">{columns}{header}{"".join(rows)}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>"
        )
        path = tmp_path / "in.ods"
        with ZipFile(path, "w") as parts:
            parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            parts.writestr("content.xml", content)
            manifest = "<manifest:encryption-data/>" if encrypted else ""
            parts.writestr("META-INF/manifest.xml", f"<manifest>{manifest}</manifest>")
        return path

    return to_file


@pytest.mark.parametrize(
    ("value", "sight", "kind"),
    [
        ("20.48", "20.48", "float"),
        ("20.48", "20,48", "float"),
        ("1093.5", "1.093,50 €", "currency"),
        ("1093.5", "$1,093.50", "currency"),
        ("-5", "(5.00)", "float"),
        ("-5", "-5", "float"),
        ("1093", "1\u202f093", "float"),
    ],
)
def test_an_ods_number_that_is_shown_as_it_is_stored_is_planned(
    write_ods: WriteOds, value: str, sight: str, kind: str
) -> None:
    (planned,) = read(write_ods(row(number("5001", "5001"), number(value, sight, kind))))
    assert planned.changes == {"rate": Decimal(value)}


@pytest.mark.parametrize(
    ("value", "sight", "kind", "as_shown"),
    [
        ("20.1435", "20.14", "float", "20.14"),
        ("20.1435", "20,14 €", "currency", "20.14"),
        ("1.05", "105%", "percentage", None),
        ("26", "2.6E+01", "float", None),
        ("20.48", "20 1/2", "float", None),
        ("1093", "1.1", "float", None),
        ("1093000", "1.093", "float", None),
        ("1093.4", "1,093", "float", "1093"),
        ("-5", "5.00", "float", None),
        ("12500", "13", "float", None),
    ],
)
def test_an_ods_number_that_is_shown_otherwise_is_a_problem_until_somebody_chooses(
    write_ods: WriteOds, value: str, sight: str, kind: str, as_shown: str | None
) -> None:
    path = write_ods(row(number("5001", "5001"), number(value, sight, kind)))
    ((problem,),) = read(path)
    assert problem.value == f"shown {sight}, holds {value}"
    (stored,) = read(path, ReadOptions(rates=Rates.STORED))
    assert stored.changes == {"rate": Decimal(value)}
    (chosen,) = read(path, ReadOptions(rates=Rates.SHOWN))
    if as_shown is None:
        assert "--rates stored" in chosen[0].kind
    else:
        assert chosen.changes == {"rate": Decimal(as_shown)}


def test_an_ods_sheets_hidden_rows_columns_and_merged_cells_are_seen(write_ods: WriteOds) -> None:
    first = row(number("5001", "5001"), number("21", "21"))
    filtered = row(number("5002", "5002"), number("22", "22"), more='table:visibility="filter"')
    with pytest.raises(InputError, match=r"1 row is hidden.*line 3"):
        read(write_ods(first, filtered))
    (only,) = read(write_ods(first, filtered), ReadOptions(hidden_rows=HiddenRows.SKIP))
    assert only.id == 5001
    hidden = '<table:table-column/><table:table-column table:visibility="collapse"/>'
    with pytest.raises(InputError, match=r"column B .* is hidden"):
        read(write_ods(first, columns=hidden))
    merged = row(number("5003", "5003"), number("9", "9", more='table:number-rows-spanned="2"'))
    with pytest.raises(InputError, match=r"merged cells .B2:B3."):
        read(write_ods(merged, row(number("5004", "5004"), "<table:covered-table-cell/>")))


def test_an_ods_repeats_rows_and_cells(write_ods: WriteOds) -> None:
    blank = row("<table:table-cell/>", more='table:number-rows-repeated="3"')
    twice = row(number("5001", "5001"), number("21", "21"), more='table:number-rows-repeated="2"')
    last = row(number("5002", "5002"), number("22", "22"))
    rows = read(write_ods(blank, twice, last))
    assert [None if one is None else (one.line, one.id) for one in rows] == [
        (5, 5001),
        None,
        (7, 5002),
    ]
    endless = row(
        number("1", "1", more='table:number-columns-repeated="16384"'),
        more='table:number-rows-repeated="1048576"',
    )
    with pytest.raises(InputError, match="is repeated"):
        read(write_ods(endless))


def test_an_ods_whose_writer_left_its_type_out_is_known_by_its_manifest(
    write_ods: WriteOds, tmp_path: Path
) -> None:
    with ZipFile(write_ods(row(number("5001", "5001"), number("21", "21")))) as old:
        content = old.read("content.xml")
    manifest = (
        '<manifest full-path="/" media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    )
    with ZipFile(tmp_path / "bare.ods", "w") as parts:
        parts.writestr("content.xml", content)
        parts.writestr("META-INF/manifest.xml", manifest)
    (only,) = read(tmp_path / "bare.ods")
    assert only.id == 5001


@pytest.mark.parametrize("area", ["B:B", "A:C", "2:2", "B2:B3"])
def test_whole_columns_and_rows_can_be_merged(tmp_path: Path, area: str) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for cells in (["id", "rate"], [5001, 21.5], [5002, None]):
        sheet.append(cells)
    sheet.merge_cells("B2:B3")
    book.save(tmp_path / "whole.xlsx")
    with ZipFile(tmp_path / "whole.xlsx") as old, ZipFile(tmp_path / "in.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'ref="B2:B3"', f'ref="{area}"'.encode()))
    with pytest.raises(InputError, match="has merged cells"):
        read(tmp_path / "in.xlsx")


@pytest.mark.parametrize(
    ("sight", "stored"),
    [("20.48", "2048"), ("--5.00", "-5"), ("-(5.00)", "-5"), ("5.00/mo", "5"), ("5.00 CR", "5")],
)
def test_an_ods_number_with_signs_or_words_of_its_own_is_a_problem(
    write_ods: WriteOds, sight: str, stored: str
) -> None:
    (problems,) = read(write_ods(row(number("5001", "5001"), number(stored, sight))))
    assert isinstance(problems, list)


@pytest.mark.parametrize(
    ("sight", "is_planned"),
    [("27/03/27", True), ("27. Mär 2027", True), ("Mar-27", False), ("27-Mar", False)],
)
def test_an_ods_day_is_planned_if_all_of_it_is_shown(
    write_ods: WriteOds, sight: str, *, is_planned: bool
) -> None:
    day = (
        '<table:table-cell office:value-type="date" office:date-value="2027-03-27">'
        f"<text:p>{sight}</text:p></table:table-cell>"
    )
    path = write_ods(row(number("5001", "5001"), day))
    (only,) = read(path, ReadOptions({"rate": "disconnect_date"}))
    assert isinstance(only, ParsedRow) is is_planned


def test_an_ods_row_that_is_too_low_to_be_seen_counts_as_hidden(write_ods: WriteOds) -> None:
    style = (
        '<style:style style:name="ro2" style:family="table-row">'
        '<style:table-row-properties style:row-height="0.0071in"/></style:style>'
    )
    low = row(number("5001", "5001"), number("21", "21"), more='table:style-name="ro2"')
    with pytest.raises(InputError, match="1 row is hidden"):
        read(write_ods(low, before=style))


def test_an_ods_behind_a_password_or_damaged_says_so(write_ods: WriteOds, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="protected by a password"):
        read(write_ods(encrypted=True))
    (tmp_path / "cut.ods").write_bytes(write_ods().read_bytes()[:200])
    with pytest.raises(InputError, match="damaged, or cut off"):
        read(tmp_path / "cut.ods")


def test_a_damaged_xls_is_refused_in_words(tmp_path: Path) -> None:
    whole = (Path(__file__).parents[2] / "price_lists" / "x29_excel97.xls").read_bytes()
    for size in range(1024, len(whole), 512):
        (tmp_path / "cut.xls").write_bytes(whole[:size])
        with pytest.raises(InputError):
            read(tmp_path / "cut.xls")


def test_of_an_xls_that_cannot_be_read_the_part_and_the_way_out_are_named(tmp_path: Path) -> None:
    whole = (Path(__file__).parents[2] / "price_lists" / "x29_excel97.xls").read_bytes()
    byte_order = whole.index(b"\xfe\xff")
    big_endian = whole[:byte_order] + b"\xff\xfe" + whole[byte_order + 2 :]
    (tmp_path / "in.xls").write_bytes(big_endian)
    with pytest.raises(
        InputError, match=r"its container cannot be read; open it .* save it as XLSX"
    ):
        read(tmp_path / "in.xls")


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"])
def test_an_xlsx_with_a_broken_part_is_refused_in_words(tmp_path: Path, part: str) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "rate"])
    sheet.append([5001, 21.5])
    book.save(tmp_path / "whole.xlsx")
    with ZipFile(tmp_path / "whole.xlsx") as old, ZipFile(tmp_path / "in.xlsx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[: len(content) // 2] if name == part else content)
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "in.xlsx")


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'<c r="B2"', b'<c s="" r="B2"'), (b'<c r="B2"', b"<c"), (b'<row r="2">', b"<row>")],
)
def test_what_third_party_writers_leave_out_is_filled_in(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "rate"])
    sheet.append([5001, 21.5])
    book.save(tmp_path / "whole.xlsx")
    with ZipFile(tmp_path / "whole.xlsx") as parts, ZipFile(tmp_path / "in.xlsx", "w") as written:
        for name in parts.namelist():
            written.writestr(name, parts.read(name).replace(old, new))
    (planned,) = read(tmp_path / "in.xlsx")
    assert isinstance(planned, ParsedRow)
    assert planned.changes == {"rate": Decimal("21.5")}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a_x000D_\nb", "a\nb"),
        ('="00123"', "00123"),
        ('="say ""so"""', 'say "so"'),
        ("_xD83D__xDE00_", "\U0001f600"),
        ("=1+1", "=1+1"),
        ("_x00g0_", "_x00g0_"),
    ],
)
def test_what_programs_put_around_a_text_is_taken_off(written: str, meant: str) -> None:
    assert unescaped(written) == meant


@pytest.mark.parametrize(
    ("code", "number", "value"),
    [
        ("0.00", "2.675", "2.68"),
        ("#,##0", "1093.4", "1093"),
        ("#,##0.0,", "1093456", "1093.5"),
        ('_-* #,##0.00\\ "€"_-', "12.5", "12.50"),
        ("[$€-407] #,##0.00", "12.5", "12.50"),
        ("0.00;(0.00)", "-5", "-5.00"),
        ("0.00;0.00", "-5", "5.00"),
        ("0.00;-0.00;0", "0", "0"),
        ("General", "20.14351234567", "20.14351235"),
    ],
)
def test_a_number_format_tells_what_is_shown(code: str, number: str, value: str) -> None:
    assert shown(Decimal(number), code).value == Decimal(value)


@pytest.mark.parametrize("code", ["0%", "0.00E+00", "# ?/?", '"n/a"', ";;;", '0"5"', "[>9]0;0.0"])
def test_of_a_format_that_shows_no_plain_number_nothing_is_said(code: str) -> None:
    assert shown(Decimal("12.5"), code).value is None


def test_dates_are_told_from_numbers_by_their_format() -> None:
    dates = ["d-mmm", "mm/dd/yyyy", "[$-F400]h:mm:ss AM/PM", "[h]:mm", "yyyy\\-mm\\-dd"]
    numbers = ["General", "0.00", '"day" 0', "[Red]0.00", '#,##0.00 "USD"', "@"]
    assert [code for code in (*dates, *numbers) if is_date_format(code)] == dates


def test_a_quantity_that_is_shown_otherwise_is_a_problem(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "quantity"])
    for line, (value, code) in enumerate([(2, "0"), (2000, "#,##0,"), (2, "0%")], start=2):
        sheet.append([5000 + line, value])
        sheet.cell(line, 2).number_format = code
    book.save(tmp_path / "in.xlsx")
    plain, thousands, per_cent = read(tmp_path / "in.xlsx")
    assert plain.changes == {"quantity": 2}
    assert [problems[0].value for problems in (thousands, per_cent)] == [
        "shown 2, holds 2000",
        "shown 200%, holds 2",
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (text("SIP-100", 'office:string-value="100"'), "shown SIP-100, holds 100"),
        (text("", 'office:string-value="100"'), "shown nothing, holds 100"),
        (text("A  100", 'office:string-value="A 100"'), None),
        ('<table:table-cell office:value-type="string" office:string-value="A 100"/>', None),
    ],
)
def test_an_ods_text_is_what_is_shown_and_held(
    write_ods: WriteOds, cell: str, value: str | None
) -> None:
    path = write_ods(row(number("5001", "5001"), cell))
    (read_row,) = read(path, ReadOptions(columns={"rate": "code1"}))
    if value is None:
        assert " ".join(read_row.changes["code1"].split()) == "A 100"
    else:
        assert read_row[0].value == value
