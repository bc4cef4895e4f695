"""Random tables in the forms that people use: what is planned is what they see, or a problem."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from campaigns.errors import InputError
from campaigns.plan.price_list import open_price_list
from campaigns.rules.rules import Rules
from campaigns.source.cells import ParsedRow
from campaigns.source.options import HiddenRows, Rates, ReadOptions
from tests.examples import examples
from tests.unit.campaigns.xlsb import Value, write_xlsb

AMOUNTS = st.decimals(min_value=-99999, max_value=99999, places=4) | st.decimals(
    min_value=0, max_value=9999, places=2
)
SETTINGS = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def read(path: Path, options: ReadOptions | None = None) -> list[Any]:
    """Each row, or its problems."""
    with open_price_list(path, options or ReadOptions(), Rules()) as prices:
        return [row for _, row in prices.rows()]


def planned(path: Path, options: ReadOptions) -> dict[int, Any]:
    """The rates by product; a row that is a problem is left out."""
    try:
        rows = [row for row in read(path, options) if isinstance(row, ParsedRow)]
    except InputError:
        return {}
    return {row.id: row.changes.get("rate") for row in rows}


def is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def rounded(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


# What a spreadsheet shows of a number in each format, as an amount; None: it is not one.
FORMATS: Mapping[str, Callable[[Decimal], Decimal | None]] = {
    "General": lambda amount: amount,
    "0": lambda amount: rounded(amount, 0),
    "0.00": lambda amount: rounded(amount, 2),
    "#,##0.00": lambda amount: rounded(amount, 2),
    "0.0000": lambda amount: rounded(amount, 4),
    '"$"#,##0.00': lambda amount: rounded(amount, 2),
    '#,##0.00\\ "€"': lambda amount: rounded(amount, 2),
    '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\)': lambda amount: rounded(amount, 2),
    "0.00;[Red]0.00": lambda amount: rounded(abs(amount), 2),
    "#,##0,": lambda amount: rounded(amount / 1000, 0),
    "0%": lambda _: None,
    "0.00E+00": lambda _: None,
    "# ?/?": lambda _: None,
    "d-mmm": lambda _: None,
    '"free"': lambda _: None,
    '0"."00': lambda _: None,
    '0.00"/mo"': lambda _: None,
    '"-"0.00': lambda _: None,
    '0.00" CR"': lambda _: None,
    "@": lambda amount: amount,
}


Cells = list[tuple[Decimal, str, bool]]
"""Of each row: the rate, its number format, and whether the row is hidden."""


def write_xlsx(path: Path, cells: Cells) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "rate"])
    for line, (amount, code, is_hidden) in enumerate(cells, start=2):
        sheet.append([5000 + line, float(amount)])
        sheet.cell(line, 2).number_format = code
        sheet.row_dimensions[line].hidden = is_hidden
    book.save(path)


def write_binary(path: Path, cells: Cells) -> None:
    rows: list[list[Value]] = [["id", "rate"]]
    rows += [[5000 + line, float(amount)] for line, (amount, _, _) in enumerate(cells, start=2)]
    write_xlsb(
        path,
        {"Prices": rows},
        formats={(line, 1): code for line, (_, code, _) in enumerate(cells, start=2)},
        hidden_rows=[line for line, cell in enumerate(cells, start=2) if cell[2]],
    )


@pytest.mark.parametrize("write", [write_xlsx, write_binary])
@given(
    st.lists(
        st.tuples(AMOUNTS, st.sampled_from(sorted(FORMATS)), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([None, Rates.SHOWN]),
    st.sampled_from([None, HiddenRows.SKIP]),
)
@SETTINGS
def test_a_workbooks_planned_rate_is_the_shown_one_or_a_problem(
    tmp_path: Path,
    write: Callable[[Path, Cells], None],
    cells: Cells,
    rates: Rates | None,
    hidden_rows: HiddenRows | None,
) -> None:
    write(tmp_path / "in", cells)
    found = planned(tmp_path / "in", ReadOptions(rates=rates, hidden_rows=hidden_rows))
    for line, (amount, code, is_hidden) in enumerate(cells, start=2):
        if 5000 + line in found:
            assert not is_hidden
            assert found[5000 + line] == FORMATS[code](amount)


# How an ODS shows an amount, and what its reader takes that for; None: it is no amount.
SIGHTS: Mapping[str, Callable[[Decimal], tuple[str, Decimal | None]]] = {
    "plain": lambda amount: (f"{amount.normalize():f}", amount),
    "cents": lambda amount: (f"{rounded(amount, 2):f}", rounded(amount, 2)),
    "whole": lambda amount: (f"{rounded(amount, 0):f}", rounded(amount, 0)),
    "german": lambda amount: (styled(rounded(amount, 2), ",", ".", trims=False), amount),
    "swiss": lambda amount: (styled(rounded(amount, 2), ".", "'", trims=False), amount),
    "euro": lambda amount: (f"{rounded(amount, 2):f} €", rounded(amount, 2)),
    "brackets": lambda amount: (f"({rounded(abs(amount), 2):f})", -rounded(abs(amount), 2)),
    "without its sign": lambda amount: (f"{rounded(abs(amount), 2):f}", rounded(abs(amount), 2)),
    "hundredths": lambda amount: (f"{rounded(amount / 100, 2):f}", rounded(amount / 100, 2)),
    "per cent": lambda amount: (f"{rounded(amount * 100, 0):f}%", None),
    "per month": lambda amount: (f"{rounded(amount, 2):f}/mo", None),
    "credit": lambda amount: (f"{rounded(abs(amount), 2):f} CR", None),
    "power": lambda amount: (f"{amount:.2E}", None),
    "day": lambda _: ("01/03/27", None),
    "nothing": lambda _: ("", None),
}


@given(
    st.lists(st.tuples(AMOUNTS, st.sampled_from(sorted(SIGHTS))), min_size=1, max_size=8),
    st.sampled_from([None, Rates.SHOWN]),
)
@SETTINGS
def test_an_ods_planned_rate_is_the_shown_one_or_a_problem(
    tmp_path: Path, cells: list[tuple[Decimal, str]], rates: Rates | None
) -> None:
    sights = [SIGHTS[name](amount) for amount, name in cells]
    numbers = [(str(amount), sight) for (amount, _), (sight, _) in zip(cells, sights, strict=True)]
    path = write_ods(tmp_path / "in.ods", numbers)
    found = planned(path, ReadOptions(rates=rates))
    for number, (_, meant) in enumerate(sights, start=5001):
        if number in found:
            assert meant is not None
            assert found[number] == rounded(meant, 4)


def write_ods(path: Path, rates: list[tuple[str, str]]) -> Path:
    """A table of ids from 5001 on, and rates with what they show."""

    def cell(value: object, sight: str) -> str:
        return (
            f'<t:table-cell o:value-type="float" o:value="{value}"><x:p>{sight}</x:p>'
            "</t:table-cell>"
        )

    titles = "".join(
        f'<t:table-cell o:value-type="string"><x:p>{title}</x:p></t:table-cell>'
        for title in ("id", "rate")
    )
    rows = "".join(
        f"<t:table-row>{cell(number, str(number))}{cell(value, sight)}</t:table-row>"
        for number, (value, sight) in enumerate(rates, start=5001)
    )
    names = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<o:document-content xmlns:o="{names}:office:1.0" xmlns:t="{names}:table:1.0" '
        f'xmlns:x="{names}:text:1.0"><o:body><o:spreadsheet><t:table t:name="Prices">'
        f"<t:table-row>{titles}</t:table-row>{rows}</t:table></o:spreadsheet></o:body>"
        "</o:document-content>"
    )
    with ZipFile(path, "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr("content.xml", content)
        parts.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def styled(amount: Decimal, decimal: str, thousands: str, *, trims: bool) -> str:
    """As somebody writes it who uses these signs."""
    text = f"{amount:,.4f}"
    text = text.rstrip("0").rstrip(".") if trims else text
    return text.replace(",", "t").replace(".", decimal).replace("t", thousands)


@given(
    st.lists(AMOUNTS, min_size=1, max_size=6),
    st.sampled_from([(".", ""), (".", ","), (",", ""), (",", "."), (",", "\u00a0"), (".", "'")]),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@SETTINGS
def test_a_csvs_planned_rate_is_the_written_one_or_a_problem(  # noqa: PLR0917 - drawn
    tmp_path: Path,
    amounts: list[Decimal],
    signs: tuple[str, str],
    delimiter: str,
    quotes: bool,  # noqa: FBT001 - drawn
    trims: bool,  # noqa: FBT001 - drawn
    states_decimal: bool,  # noqa: FBT001 - drawn
) -> None:
    lines = [delimiter.join(["id", "rate", "note"])]
    for line, amount in enumerate(amounts, start=2):
        text = styled(amount, *signs, trims=trims)
        cell = f'"{text}"' if quotes else text
        lines.append(delimiter.join([str(5000 + line), cell, ""]))
    (tmp_path / "in.csv").write_text("\n".join(lines), encoding="utf-8")
    options = ReadOptions(decimal=signs[0] if states_decimal else None)
    found = planned(tmp_path / "in.csv", options)
    for line, amount in enumerate(amounts, start=2):
        if 5000 + line in found:
            assert found[5000 + line] == amount
    if states_decimal and (quotes or delimiter not in signs):
        assert len(found) == len(amounts)


@given(
    st.lists(AMOUNTS, min_size=1, max_size=4),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=12),
    st.integers(0, 2),
)
@SETTINGS
def test_a_description_comes_through_as_it_was_typed_or_is_a_problem(  # noqa: PLR0917 - drawn
    tmp_path: Path, amounts: list[Decimal], encoding: str, end: str, text: str, blank_lines: int
) -> None:
    out = io.StringIO()
    out.write(end * blank_lines + "id;description;rate" + end)
    for line, amount in enumerate(amounts, start=2):
        quoted = text.replace('"', '""')
        out.write(f'{5000 + line};"{quoted}";{amount:f}{end}')
    content = out.getvalue().encode(encoding)
    # Nobody can tell such a text from UTF-8.
    assume(encoding == "utf-8" or text.isascii() or not is_utf8(content))
    (tmp_path / "in.csv").write_bytes(content)
    try:
        found = [row for row in read(tmp_path / "in.csv") if isinstance(row, ParsedRow)]
    except InputError:
        return
    for row in found:
        if "description" in row.changes:
            assert row.changes["description"] == text.strip()


@pytest.mark.parametrize(
    ("value", "code", "says"),
    [
        (20.1435, "0.00", "shown 20.14, holds 20.1435"),
        (1.05, "0%", "shown 105%"),
        (1234.5, "#,##0,", "shown 1"),
        (date(2026, 3, 1), "d-mmm", "2026-03-01"),
        (True, "General", "true"),
    ],
)
def test_a_rate_that_is_shown_otherwise_says_both(
    tmp_path: Path, value: Any, code: str, says: str
) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "rate"])
    sheet.append([5001, value])
    sheet.cell(2, 2).number_format = code
    book.save(tmp_path / "in.xlsx")
    (problems,) = read(tmp_path / "in.xlsx")
    assert isinstance(problems, list)
    assert says in problems[0].value
