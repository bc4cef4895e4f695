"""Values that a workbook stores and nobody sees: planned only if somebody has said so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from openpyxl.formatting.rule import DataBarRule, IconSetRule, Rule
from openpyxl.styles import Font
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.styles.numbers import NumberFormat

from campaigns.errors import InputError
from campaigns.plan.price_list import open_price_list
from campaigns.rules.rules import Rules
from campaigns.source.cells import ParsedRow
from campaigns.source.options import Rates, ReadOptions
from tests.unit.campaigns.xlsb import write_xlsb

SHEET, BOOK = "xl/worksheets/sheet1.xml", "xl/workbook.xml"


def rows_of(path: Path, **options: Any) -> list[Any]:
    """Each row, or its problems."""
    with open_price_list(path, ReadOptions(**options), Rules()) as prices:
        return [row for _, row in prices.rows()]


def book(
    path: Path, title: str, value: object, change: Callable[[Any], object] = lambda _: None
) -> Path:
    """A workbook with one row; `change` is given its sheet."""
    workbook = openpyxl.Workbook()
    sheet: Any = workbook.active
    sheet.append(["id", title])
    sheet.append([5001, value])
    change(sheet)
    workbook.save(path)
    return path


def edited(path: Path, edits: Mapping[str, tuple[str, str]]) -> Path:
    """With a pattern of each part replaced."""
    with ZipFile(path) as parts:
        contents = {name: parts.read(name).decode() for name in parts.namelist()}
    for name, (pattern, replacement) in edits.items():
        contents[name], count = re.subn(pattern, replacement, contents[name])
        assert count, pattern
    with ZipFile(path, "w") as parts:
        for name, content in contents.items():
            parts.writestr(name, content)
    return path


@pytest.mark.parametrize("title", ["rate", "quantity", "do_not_prorate"])
def test_a_zero_of_a_sheet_that_hides_zeros_is_a_problem(tmp_path: Path, title: str) -> None:
    def hide_zeros(sheet: Any) -> None:
        sheet.sheet_view.showZeros = False

    (row,) = rows_of(book(tmp_path / "in.xlsx", title, 0, hide_zeros))
    assert row[0].value == "shown nothing, as the sheet hides zeros, holds 0"
    (row,) = rows_of(book(tmp_path / "in.xlsx", title, 1, hide_zeros))
    assert row.changes == {title: 1}


@pytest.mark.parametrize("hides_zeros", [True, False])
def test_a_binary_sheet_may_hide_zeros_too(tmp_path: Path, *, hides_zeros: bool) -> None:
    rows: Any = {"a": [["id", "rate"], [5001, 0]]}
    (row,) = rows_of(write_xlsb(tmp_path / "in.xlsb", rows, hides_zeros=hides_zeros))
    assert isinstance(row, list) is hides_zeros


@pytest.mark.parametrize("shows_zeros", ["true", "false"])
def test_a_zero_of_a_document_that_hides_zeros_is_a_problem(
    tmp_path: Path, shows_zeros: str
) -> None:
    cells = (
        '<table:table-cell office:value-type="float" office:value="5001"><text:p>5001</text:p>'
        '</table:table-cell><table:table-cell office:value-type="float" office:value="0">'
        "<text:p>0</text:p></table:table-cell>"
    )
    titles = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{title}</text:p></table:table-cell>'
        for title in ("id", "rate")
    )
    rows = "".join(f"<table:table-row>{row}</table:table-row>" for row in (titles, cells))
    spaces = " ".join(f'xmlns:{name}="{name}"' for name in ("office", "table", "text", "config"))
    setting = f'<config:config-item config:name="ShowZeroValues">{shows_zeros}</config:config-item>'
    with ZipFile(tmp_path / "in.ods", "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr(
            "content.xml", f'<a {spaces}><table:table table:name="a">{rows}</table:table></a>'
        )
        parts.writestr("settings.xml", f"<a {spaces}>{setting}</a>")
        parts.writestr("META-INF/manifest.xml", "<manifest/>")
    (row,) = rows_of(tmp_path / "in.ods")
    assert isinstance(row, list) is (shows_zeros == "false")


@pytest.mark.parametrize("code", ["#", "#,###", "#.##", "0;-0;", "#%"])
def test_a_zero_that_its_format_hides_is_a_problem(tmp_path: Path, code: str) -> None:
    def show(sheet: Any) -> None:
        sheet.cell(2, 2).number_format = code

    path = book(tmp_path / "in.xlsx", "rate", 0, show)
    assert isinstance(rows_of(path)[0], list)
    assert rows_of(path, rates=Rates.STORED)[0].changes == {"rate": Decimal(0)}


@pytest.mark.parametrize(
    "rule",
    [
        Rule(
            type="expression",
            formula=["$A2>5000"],
            dxf=DifferentialStyle(numFmt=NumberFormat(numFmtId=170, formatCode=";;;")),
        ),
        DataBarRule("min", None, "max", None, "FF638EC6", showValue=False),
        IconSetRule("3Arrows", "percent", [0, 33, 67], showValue=False),
    ],
)
def test_a_conditional_format_of_numbers_in_a_used_column_is_asked_about(
    tmp_path: Path, rule: Any
) -> None:
    path = book(
        tmp_path / "in.xlsx", "rate", 21, lambda sheet: sheet.conditional_formatting.add("B2", rule)
    )
    with pytest.raises(InputError, match=r"column B \(rate\) has a conditional format"):
        rows_of(path)
    assert rows_of(path, columns={"rate": "rate"})[0].changes == {"rate": Decimal(21)}


@pytest.mark.parametrize("area", ["B2", "D2:E9"])
def test_a_conditional_colour_or_one_elsewhere_says_nothing(tmp_path: Path, area: str) -> None:
    style = (
        DifferentialStyle(font=Font(color="FFFF0000"))
        if area == "B2"
        else DifferentialStyle(numFmt=NumberFormat(numFmtId=170, formatCode=";;;"))
    )
    rule = Rule(type="expression", formula=["TRUE"], dxf=style)
    path = book(
        tmp_path / "in.xlsx", "rate", 21, lambda sheet: sheet.conditional_formatting.add(area, rule)
    )
    assert rows_of(path)[0].changes == {"rate": Decimal(21)}


@pytest.mark.parametrize(
    ("stored", "computes_anew", "is_planned"),
    [("0", True, False), ("0", False, True), ("21", True, True), ("0.00", True, False)],
)
def test_a_zero_beside_a_formula_is_no_value_if_the_file_is_to_be_computed_anew(
    tmp_path: Path, stored: str, *, computes_anew: bool, is_planned: bool
) -> None:
    path = edited(
        book(tmp_path / "in.xlsx", "quantity", "=2+1"),
        {
            SHEET: (r"<v ?/>|<v></v>", f"<v>{stored}</v>"),
            BOOK: ('fullCalcOnLoad="1"', f'fullCalcOnLoad="{int(computes_anew)}"'),
        },
    )
    (row,) = rows_of(path)
    assert isinstance(row, ParsedRow) is is_planned


@pytest.mark.parametrize(
    ("code", "is_planned"),
    [
        *(("@", True), ("General", True), ("0.00", True), ('0;-0;"-";@', True), ("_(@_)", True)),
        *(('"SIP-"@', False), ('@" kWh"', False), (";;;", False), ('0;-0;0;"x"', False)),
    ],
)
@pytest.mark.parametrize("kind", ["xlsx", "xlsb"])
def test_a_text_that_its_format_shows_otherwise_is_a_problem(
    tmp_path: Path, kind: str, code: str, *, is_planned: bool
) -> None:
    def show(sheet: Any) -> None:
        sheet.cell(2, 2).number_format = code

    path = tmp_path / f"in.{kind}"
    if kind == "xlsx":
        book(path, "code1", "100", show)
    else:
        write_xlsb(path, {"a": [["id", "code1"], [5001, "100"]]}, formats={(2, 1): code})
    (row,) = rows_of(path)
    if is_planned:
        assert row.changes == {"code1": "100"}
    else:
        assert row[0].value == f"shown by the format {code}, holds 100"


@pytest.mark.parametrize("code", ["+0.00;-0.00", '"+"0.00', '"Yes";;"No"'])
def test_a_number_with_a_word_or_a_plus_sign_of_its_format_is_a_problem(
    tmp_path: Path, code: str
) -> None:
    def show(sheet: Any) -> None:
        sheet.cell(2, 2).number_format = code

    for title in ("rate", "do_not_prorate"):
        (row,) = rows_of(book(tmp_path / "in.xlsx", title, 1, show))
        assert row[0].value == f"shown by the format {code}, holds 1"


def test_a_row_whose_cells_are_out_of_order_is_refused(tmp_path: Path) -> None:
    path = edited(
        book(tmp_path / "in.xlsx", "rate", 21), {SHEET: (r"(<c r=.A2.*?</c>)(<c.*?</c>)", r"\2\1")}
    )
    with pytest.raises(InputError, match="damaged: A2 comes after a cell to its right"):
        rows_of(path)


@pytest.mark.parametrize("stored", ["NaN", "INF", "1E+400"])
@pytest.mark.parametrize("code", ["General", "0.00", "yyyy-mm-dd"])
def test_what_is_no_finite_number_is_a_problem_of_its_cell(
    tmp_path: Path, stored: str, code: str
) -> None:
    def show(sheet: Any) -> None:
        sheet.cell(2, 2).number_format = code

    path = edited(
        book(tmp_path / "in.xlsx", "rate", 21, show), {SHEET: ("<v>21</v>", f"<v>{stored}</v>")}
    )
    (row,) = rows_of(path)
    assert "error instead of a value" in row[0].kind
