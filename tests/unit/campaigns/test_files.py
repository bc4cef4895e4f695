"""Files as people have them, read; and what we write, harmless and readable again."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import InputError
from campaigns.output.csv_file import write_csv
from campaigns.output.workbook import new_workbook
from campaigns.plan.price_list import open_price_list
from campaigns.rules.rules import Rules
from campaigns.source.cell_text import neutral, original
from campaigns.source.cells import ParsedRow, Problem
from campaigns.source.options import ReadOptions
from campaigns.source.table import Form

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: bytes) -> Path:
        path = tmp_path / "rates.csv"
        path.write_bytes(content)
        return path

    return to_file


def read(path: Path, options: ReadOptions | None = None) -> list[ParsedRow | list[Problem]]:
    with open_price_list(path, options or ReadOptions(), Rules()) as prices:
        return [row for _, row in prices.rows() if row is not None]


def rows(path: Path) -> list[ParsedRow]:
    found = read(path)
    assert all(isinstance(entry, ParsedRow) for entry in found), found
    return [entry for entry in found if isinstance(entry, ParsedRow)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encoding_and_delimiter_are_found_out(write: Write, encoding: str, delimiter: str) -> None:
    lines = ["id,RATE,Note", "5001,20.48,Prämie", '5002,7,"a, b;c"']
    text = "\r\n".join(line.replace(",", delimiter) for line in lines) + "\r\n"
    found = rows(write(text.encode(encoding)))
    assert [(row.id, row.changes) for row in found] == [
        (5001, {"rate": Decimal("20.48")}),
        (5002, {"rate": Decimal(7)}),
    ]
    assert found[0].cells == ("5001", "20.48", "Prämie")


def test_every_field_can_be_given_under_any_spelling(write: Write) -> None:
    (row,) = rows(
        write(
            b"Customer_Product_ID,Rate,Quantity,Description,CODE 1,code2,ActivatedDate,"
            b"disconnect date,Do_Not Prorate,owner\n"
            b"5001,-5,3,Seat,(clear),,2026-01-31,2026-12-31,yes,Ann\n"
        )
    )
    assert row.changes == {
        "rate": Decimal(-5),
        "quantity": 3,
        "description": "Seat",
        "activated_date": date(2026, 1, 31),
        "disconnect_date": date(2026, 12, 31),
        "do_not_prorate": True,
    }
    assert row.clear == ("code1",)


def test_decimal_commas_are_recognised_where_the_delimiter_allows_them(write: Write) -> None:
    found = rows(write(b"id;rate\n5001;12,50\n5002;-3\n"))
    assert [row.changes["rate"] for row in found] == [Decimal("12.50"), Decimal(-3)]


def test_of_two_decimal_signs_the_rarer_one_is_a_problem(write: Write) -> None:
    first, second, third, odd = read(write(b"id;rate\n1;12,50\n2;3,5\n3;1,093\n4;1.5\n"))
    assert [row.changes["rate"] for row in (first, second) if isinstance(row, ParsedRow)] == [
        Decimal("12.50"),
        Decimal("3.5"),
    ]
    kinds = [problems[0].kind for problems in (third, odd) if isinstance(problems, list)]
    assert kinds == [
        "',' could separate thousands or decimals (--decimal) in rate",
        "decimal point beside decimal commas in rate",
    ]


def test_problems_name_line_column_and_value(write: Write) -> None:
    path = write(
        b'id,rate,quantity\n5001,"12,50",1\n,1,1\n50x1,1,1\n5002,1.23456,1.5\n\n5003,$5,1\n5004,1,1,9\n'
    )
    found = [problem for entry in read(path) if isinstance(entry, list) for problem in entry]
    assert [(entry.line, entry.kind, entry.value) for entry in found] == [
        (2, "comma decimal, or ',' between thousands (--decimal says which) in rate", "12,50"),
        (3, "no id", ""),
        (4, "not a whole number: 'x' is in the way in id", "50x1"),
        (5, "more than 4 decimals in rate", "1.23456"),
        (5, "not a whole number: it has decimals in quantity", "1.5"),
        (7, "not a number: '$' is in the way in rate", "$5"),
        (8, "more cells than columns (is a comma inside a number or a text?)", "9"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"rate,price\n1,2\n", "no column is called id"),
        (b"id,ID,rate\n1,2,3\n", "two columns are called id"),
        (b"id,rate,Rate\n1,2,3\n", "two columns are called rate"),
        (b'id,rate\n1,"2\n3,4\n', "not CSV"),
        (b"id,rate\n1," + b"9" * 5_000_000 + b"\n", "line 2: a cell is too long"),
        (b"id,description\n1," + b"9" * 10_001 + b"\n", "line 2, column 2"),
        (b"\0\1\2\3binary", "not text"),
        (b"id,rate\n1,\xff\x81\n", "encoding"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_the_place(
    write: Write, content: bytes, told: str
) -> None:
    with pytest.raises(InputError, match=told):
        read(write(content))


def test_a_workbook_gives_the_same_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["ID", "Rate", "activated_date", "do_not_prorate", "note"])
    sheet.append([5001, 0.1 + 0.2, date(2026, 1, 31), True, None])
    sheet.append([None, None, None, None, None])
    sheet.append(["5002", "20.48", None, None, "x"])
    book.save(tmp_path / "rates.xlsx")
    first, second = rows(tmp_path / "rates.xlsx")
    assert first.changes["rate"] == Decimal("0.3")
    assert first.changes["activated_date"] == date(2026, 1, 31)
    assert first.changes["do_not_prorate"] is True
    assert (second.line, second.id, second.changes) == (4, 5002, {"rate": Decimal("20.48")})


def workbook(path: Path, *rows: list[Any]) -> Path:
    """As a program writes it that computes no formula."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def edit(path: Path, old: bytes, new: bytes) -> None:
    """In the XML of the first sheet, as another program would have written it."""
    with ZipFile(path) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    sheet = content["xl/worksheets/sheet1.xml"]
    assert old in sheet, sheet
    content["xl/worksheets/sheet1.xml"] = sheet.replace(old, new)
    with ZipFile(path, "w") as parts:
        for name, part in content.items():
            parts.writestr(name, part)


def test_a_formula_without_a_stored_value_is_a_problem_that_says_what_to_do(
    tmp_path: Path,
) -> None:
    header = ["id", "base", "rate", "description"]
    path = workbook(
        tmp_path / "rates.xlsx",
        header,
        [5001, "=C2", "=B2*1.05", None],
        [5002, 10, "=B3*1.05", None],
        [5003, 10, 12.5, "=B4&A4"],
        ["=A4+1", None, None, None],
        [5005, "=B2", 13, None],
    )
    edit(path, b"<f>B3*1.05</f><v></v>", b"<f>B3*1.05</f><v>10.5</v>")
    first, second, third, fourth, fifth = read(path)
    assert isinstance(second, ParsedRow)
    assert second.changes == {"rate": Decimal("10.5")}
    # What is carried along only may be without a value.
    assert isinstance(fifth, ParsedRow)
    assert fifth.changes == {"rate": Decimal(13)}
    problems = [job[0] for job in (first, third, fourth) if isinstance(job, list)]
    assert [(problem.line, problem.column, problem.value) for problem in problems] == [
        (2, "rate", "=B2*1.05"),
        (4, "description", "=B4&A4"),
        (5, "id", "=A4+1"),
    ]
    assert "save it there, or paste values" in problems[0].kind


def test_a_formula_that_came_to_nothing_leaves_the_field_as_it_is(tmp_path: Path) -> None:
    path = workbook(tmp_path / "rates.xlsx", ["id", "rate"], [5001, "=A9&A9"])
    edit(path, b'r="B2"', b'r="B2" t="str"')
    (row,) = rows(path)
    assert row.changes == {}


def test_rows_beyond_the_size_that_a_workbook_claims_are_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "rates.xlsx", ["id", "rate"], [5001, 1], [5002, 2])
    edit(path, b'ref="A1:B3"', b'ref="A1"')
    assert [row.id for row in rows(path)] == [5001, 5002]


@pytest.mark.parametrize("name", ["in.csv", "in.xlsx"])
def test_a_spreadsheets_error_is_not_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("csv"):
        path.write_text("id,code1\n5001,#N/A\n")
    else:
        workbook(path, ["id", "code1"], [5001, "#N/A"])
    ((problem,),) = (entry for entry in read(path) if isinstance(entry, list))
    assert (problem.column, problem.value) == ("code1", "#N/A")
    assert "error" in problem.kind


def test_what_is_not_a_workbook_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\3\4 no zip")
    with pytest.raises(InputError, match="workbook"):
        read(tmp_path / "a.xlsx")


@given(st.text(max_size=30))
def test_a_neutral_cell_is_not_a_formula_and_reads_back_as_it_was(text: str) -> None:
    written = neutral(text)
    assert original(written) == text
    if written[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        assert written[1:].replace(",", "").replace(".", "").isdecimal()


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20), min_size=2, max_size=2
    )
)
def test_written_cells_are_read_as_they_were(tmp_path_factory: Any, cells: list[str]) -> None:
    form = Form("csv", ("id", "description", "note"), ";")
    out = StringIO()
    write_csv(out, form, form.columns).write(["1", *cells])
    read_back = list(csv.reader(StringIO(out.getvalue()), delimiter=";"))[1]
    assert [original(cell) for cell in read_back] == ["1", *cells]


def test_formulas_are_harmless_in_a_written_workbook(tmp_path: Path) -> None:
    with new_workbook(tmp_path / "out.xlsx") as out:
        add = out.sheet("rows", ["=HYPERLINK(1)", "b\x01"])  # as somebody's file calls its columns
        add(["=1+1", Decimal("-2.50")])
        add(["@SUM(A1)\x01", "-3"])
    sheet: Any = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert [cell.data_type for row in sheet["A1:A3"] for cell in row] == ["s"] * 3
    assert [cell.value for cell in sheet[1]] == ["'=HYPERLINK(1)", "b"]
    assert sheet["A2"].value == "'=1+1"
    assert sheet["B2"].value == Decimal("-2.5") == Decimal(str(sheet["B2"].value))


def test_a_sheet_that_is_full_goes_on_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.output.workbook.MAX_ROWS", 2)
    with new_workbook(tmp_path / "out.xlsx") as out:
        add, _ = out.sheet("failed", ["a"]), out.sheet("none", ["a"])
        for value in range(5):
            add([value])
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    found = {sheet.title: [row[0].value for row in sheet.iter_rows()] for sheet in book.worksheets}
    assert found == {
        "failed": ["a", 0, 1],
        "none": ["a"],
        "failed 2": ["a", 2, 3],
        "failed 3": ["a", 4],
    }
