"""Cells of every odd form: the planned value is the one that is shown, or there is a problem."""

# ruff: noqa: RUF001 - digits and signs of other scripts are what is tested

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from campaigns.errors import InputError
from campaigns.plan.price_list import open_price_list
from campaigns.rules.rules import Rules
from campaigns.source.cells import ParsedRow
from campaigns.source.options import ReadOptions

Read = Callable[[str], Any]
NBSP, ZERO_WIDTH, MINUS = "\u00a0", "\u200b", "\u2212"


def rows_of(path: Path, options: ReadOptions | None = None) -> list[Any]:
    """Each row, or its problems."""
    with open_price_list(path, options or ReadOptions(), Rules()) as prices:
        return [row for _, row in prices.rows()]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The row of a text file that has one."""

    def read_one(content: str) -> Any:
        path = tmp_path / "in.csv"
        path.write_text(content, encoding="utf-8")
        (row,) = rows_of(path)
        return row

    return read_one


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("20.48", "20.48"),
        ("20,48", "20.48"),
        ("-20.48", "-20.48"),
        ("  20.48\t", "20.48"),
        (f"20.48{NBSP}", "20.48"),
        ("20.4800", "20.48"),
        ("20.48000000", "20.48"),
        ("0.125", "0.125"),
        (".5", "0.5"),
        ("1093.45", "1093.45"),
    ],
)
def test_a_rate_without_doubt_is_planned_as_it_stands(read: Read, text: str, rate: str) -> None:
    assert read(f"id;rate\n5001;{text}\n").changes == {"rate": Decimal(rate)}


@pytest.mark.parametrize(
    "text",
    [
        *("$20.48", "€20.48", "20.48 EUR", "USD 20.48", "20.48c", "2048¢", "CHF 20.-", "20.-"),
        *(
            "+20.48",
            "+5",
            "+20,48",
            "(20.48)",
            "20.48-",
            f"{MINUS}20.48",
            "\u201320.48",
            "--5",
            "20.48 CR",
            "+-5",
        ),
        *("5%", "5 %", "5\u2009%", "+5%", "x1.05", "*1.05", "1.05x"),
        *("2.6E+01", "1e3", "1E3", "26e-1", "0x14", "1_000", "1/2", "20 1/2", "½", "20½"),
        *("1,093", "1.093", "1,093.45", "1.093,45", "1 093,45", "1'093.45", f"1{NBSP}093.45"),
        *("1\u202f093.45", "1.093.450", "1,093,450", "12,34,567.89", "20..48", "20.4.8", "."),
        *("２０.４８", "٢٠٫٤٨", "२०.४८", "²0", "①", "XX", "O.50", "l9.50"),
        *("TRUE", "NaN", "inf", "-inf", "NULL", "None", "nil", "n/a", "-", "?", "tbd", "free"),
        *("#N/A", "#REF!", "#WERT!", "#DIV/0!", "#ДЕЛ/0!", "#¡VALOR!", "Err:502", "######"),
        *("1:30", "00:20:48", "PT1H", "20h", "2026-01-31", "31.01.2026", "20.48.2026"),
        *("=B1*1.05", "=20.48", "@20.48", f"{ZERO_WIDTH}20.48", "20.48\ufeff", "\ufffd20.48"),
        *("20.48 (was 19.50)", "20.48 per month", "20.48/mo", "20.48 20.48", "19.50->20.48"),
        *("20.48001", "0.00001", "1234567890123456.12345", "clear", "old", "same", '"20.48'),
    ],
)
def test_a_rate_of_any_other_form_is_a_problem(read: Read, text: str) -> None:
    quoted = text.replace('"', '""')
    assert isinstance(read(f'id;rate\n5001;"{quoted}"\n'), list)


@pytest.mark.parametrize("text", ["5001", "5001.0", "5001.", " 5001 ", f"{NBSP}5001{NBSP}"])
def test_an_id_as_programs_write_it_is_that_product(read: Read, text: str) -> None:
    assert read(f"id;rate\n{text};20.48\n").id == 5001


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "5,001",
            "5.001",
            "5.000",
            "5 001",
            f"5{NBSP}001",
            "5'001",
            "5001.5",
            "5.001E+3",
            "5001-",
        ),
        *("-5001", "+5001", "0", "0.0", "#5001", "ID 5001", "5001/5002", "5001-5003", "5001,5002"),
        *("５００１", "٥٠٠١", "5001a", "0x1389", "99999999999", "2147483648", "TRUE", "5OO1"),
        *("Total", "Sum:", "id", "Printed on 2026-01-31", "=5001", f"50{ZERO_WIDTH}01"),
    ],
)
def test_an_id_of_any_other_form_is_a_problem(read: Read, text: str) -> None:
    assert isinstance(read(f'id;rate\n"{text}";20.48\n'), list)


@pytest.mark.parametrize(
    "text",
    [
        *("31.01.2026", "01/31/2026", "31/01/2026", "2026-02-30", "2026-1-31", "46053"),
        *(
            "31-Jan-26",
            "Jan 2026",
            "2026-01",
            "20260131",
            "2026-01-31T00:00:00",
            "2026-01-31 12:00",
        ),
        *("today", "0000-00-00", "2026-00-10", "２０２６-01-31", "1900-02-29", "2026/01/31"),
    ],
)
def test_a_day_that_is_not_written_year_month_day_is_a_problem(read: Read, text: str) -> None:
    assert isinstance(read(f"id;activated_date\n5001;{text}\n"), list)


@pytest.mark.parametrize("text", ["ja", "oui", "x", "✓", "on", "-1", "2", "0.5", "maybe", "t"])
def test_a_flag_that_is_neither_yes_nor_no_is_a_problem(read: Read, text: str) -> None:
    assert isinstance(read(f"id;do_not_prorate\n5001;{text}\n"), list)


@pytest.mark.parametrize(
    "text", ["1.5", "1,000", "1.000", "-1", "1e3", "2x", "(2)", "２", "two", "2 pcs", "#N/A"]
)
def test_a_quantity_that_is_not_a_whole_number_is_a_problem(read: Read, text: str) -> None:
    row = read(f"id;quantity\n5001;{text}\n")
    assert isinstance(row, list), row


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ("id;rate\n5001;20.48\nid;rate\n5002;26.20\n", 1),
        ("id;rate\n5001;20.48\n;46.68\n", 1),
        ("id;rate\n5001;20.48\nTotal;46.68\n", 1),
        ("id;rate\n5001;20.48\n2 rows\n", 1),
        ("id;rate\n5001;20.48\n5002,26.20\n", 1),
        ("id;rate\n5001;20.48\n5002;26.20;\n", 1),
        ("id;rate\n5001;20.48\n5002\n", 1),
        ("id;rate\n5001;20.48\n5001;20.49\n", 2),
        ("id;rate\n5001;-1\n5001;-2\n", 2),
        ("id;rate\n5001;20.48\n5001.0;20.49\n", 2),
        ('id;rate;note\n5001;20.48;"a\n5002;26.20;b\n"\n', 1),
    ],
)
def test_a_row_that_is_not_one_of_the_table_is_a_problem(
    tmp_path: Path, lines: str, problems: int
) -> None:
    (tmp_path / "in.csv").write_text(lines)
    assert sum(isinstance(row, list) for row in rows_of(tmp_path / "in.csv")) == problems


def test_an_equal_repeat_counts_once_however_its_amount_is_written(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id;rate\n5001;20.5\n5001.0;20.50\n")
    first, second = rows_of(tmp_path / "in.csv")
    assert first.changes == {"rate": Decimal("20.5")}
    assert second is None


@pytest.mark.parametrize(
    "content",
    [
        "Prices 2027\nid;rate\n5001;20.48\n",
        "id;rate;rate\n5001;20.48;20.49\n",
        "id;customer_product_id;rate\n5001;5002;20.48\n",
        "id;Rate (%)\n5001;5\n",
        "id;rate;unit\n5001;20.48;per year\n",
        "id;rate;Währung\n5001;20.48;EUR\n",
        "id;rate;new rate\n5001;19.50;20.48\n",
        "id;rate;valid from\n5001;20.48;2027-03-01\n",
        "id,rate,\n5001,20,48\n",
        "id\trate\n",
        "\n\n",
        'id;rate\n5001;"20.48\n',
    ],
)
def test_a_file_that_leaves_a_doubt_as_a_whole_is_refused(read: Read, content: str) -> None:
    with pytest.raises(InputError):
        read(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("id,Was?,rate\n5001,1.05,21\n", "'Was.' is not used and holds amounts"),
        ("id,rate,Factor\n5001,21,1.05\n5002,22,2\n", "'Factor' is not used and holds amounts"),
        ("id;rate;\n5001;21;$5\n", "'' is not used and holds amounts"),
        ("id;rate;Zone\n5001;21;5 %\n", "'Zone' is not used and holds amounts"),
        ("id;rate;Zone\n5001;21;CAD\n5002;22;USD\n", "'Zone' is not used and holds currencies"),
        ("id;rate;Live\n5001;21;2027-03-01\n", "'Live' is not used and holds the same day"),
        ("id;rate;Live\n5001;21;1.3.2027\n5002;22;1.3.2027\n", "holds the same day .1.3.2027."),
        ("id;rate;Multiply by\n5001;21;2\n", "looks like an instruction about prices"),
        ("id;rate;+/-\n5001;21;-\n", "looks like an instruction about prices"),
        ("id;rate;Y/N\n5001;21;N\n", "looks like a mark of the rows that count"),
        ("id;rate;OK?\n5001;21;N\n", "looks like a mark of the rows that count"),
        (
            "id;rate;Status\n5001;21;Active\n5002;22;rejected\n",
            "holds 'rejected', which is not one of",
        ),
        ("id;rate;Desc 2\n5001;21;SIP\n", "looks like description, spelt otherwise"),
        ("id;rate;Bezeichnung\n5001;21;SIP\n", "looks like description, spelt otherwise"),
        ("id,rate,note\n5001,1,093\n5002,2,500\n", "the rest of its thousands"),
        ("id,rate,note\n5001,1,093.45\n5002,21.00,\n", "rate in line 2 is whole"),
        ("id,rate,description\n5001,1,093.45\n5002,21.00,Seat\n", "rate in line 2 is whole"),
        ("id,rate,note\n5001,20,5\n5002,21,\n", "could be its cents"),
        ("id,rate\n5001,21\n\nid,quantity\n5002,3\n", "line 4 names other columns"),
        ("id,rate\n5001,21\n\nrate,id\n22,5002\n", "or in another order"),
        ('"id,rate"\n"5001,21"\n', "columns are separated by"),
        ("id rate\n5001 21\n", "columns are separated by"),
    ],
)
def test_columns_that_could_change_what_a_rate_means_are_asked_about(
    read: Read, content: str, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        read(content)


@pytest.mark.parametrize(
    "cells", ["10.0.0.1", "1.2.3", "12", "45.123456", "Jan 31", "CR", "x", "555.1234.00"]
)
def test_what_is_not_an_amount_is_carried_along_whatever_it_is(read: Read, cells: str) -> None:
    assert read(f"id;rate;Zone\n5001;20.48;{cells}\n").changes == {"rate": Decimal("20.48")}


def test_what_marks_a_list_as_old_rates_is_believed_and_not_planned(read: Read) -> None:
    row = read("id,old,rate\n5001,19.50,20.48\n")
    assert row.expected == {"rate": Decimal("19.50")}
    assert row.changes == {"rate": Decimal("20.48")}


@pytest.mark.parametrize(
    "text",
    [
        *("#REF", "#VALEUR !", "#KEINE_DATEN", "#N/A N/A", "Fehler:502", "Erreur : 502", "Error"),
        *("[NULL]", "<null>", "[object Object]", "N/D", "TBD", "(blank)", "(leer)", "(none)"),
        *("-", "--", "—", "...", "???", "[clear]", "(cleared)", "clear)", '"clear"', "DELETE"),
        *("same", "unchanged", "(empty)", "8901234567890120000", f"SIP{ZERO_WIDTH} Trunk"),
        *("SIP\u2028Trunk", "SIP\x01", "SIP\u00adTrunk", "PrÃ©mium", "Itâ€™s"),
        *("PrĂ©mium", "Pr√©mium", "Pr├⌐mium", "РЎРёРї", "Pr?mium", "SIP ????", "Pr&eacute;mium"),
        *("（clear）", "«clear»", "clear!", "*clear*", "- clear -", '"null"', "[None]", "None."),
        *("'00123", "\u20180456", "`12"),
        *("错误:502", "エラー:502", "Σφάλμα:502", "Eroare:502", "1.#QNAN", "-nan", "NaT", "REF!"),
    ],
)
def test_a_text_that_nobody_meant_to_write_is_a_problem(read: Read, text: str) -> None:
    quoted = text.replace('"', '""')
    assert isinstance(read(f'id;description\n5001;"{quoted}"\n'), list)


@pytest.mark.parametrize("text", ["-", "TBD", "PrÃ©mium", "same", f"SIP{ZERO_WIDTH}"])
def test_a_text_that_the_product_has_already_is_not_a_problem(read: Read, text: str) -> None:
    row = read(f"id;description;expected:description;rate\n5001;{text};{text};21\n")
    assert row.changes == {"description": text, "rate": Decimal(21)}
    assert row.expected == {"description": text}


@pytest.mark.parametrize(
    "text",
    [
        "NAT",
        "NV",
        "'90s plan",
        "Who?",
        "AT&T Sprint",
        "Œuvre «É»",
        "Ціна",
        "1E5x",
        "12E4",
        "A-12",
        "20.48 is it",
        "n° 5",
        "Prémium – ½",
        "☎ 5",
        "89012345678901200",
    ],
)
def test_an_odd_text_that_somebody_may_mean_is_planned_as_it_stands(read: Read, text: str) -> None:
    assert read(f"id;description\n5001;{text}\n").changes == {"description": text}


@pytest.mark.parametrize(
    "lines",
    [
        "5001;20.48;\n5001;$21;\n",
        "5001;$21;\n5001;20.48;\n",
        "5001;20.48;19.50\n5001;20.48;18.50\n",
        "5001;20.48;\n5001\n",
        "5001;20.48;\n5001;;\n",
        "05001;20.48;\n5001;21;\n",
    ],
)
def test_of_a_product_with_two_wishes_none_is_planned_even_if_one_cannot_be_read(
    tmp_path: Path, lines: str
) -> None:
    (tmp_path / "in.csv").write_text(f"id;rate;expected:rate\n{lines}")
    assert all(isinstance(row, list) for row in rows_of(tmp_path / "in.csv"))


@pytest.mark.parametrize("text", ["1’093.45", "1\u2009093.45", "1,093.45", "1 093.45"])
def test_a_stated_decimal_sign_makes_the_others_thousands_signs(tmp_path: Path, text: str) -> None:
    (tmp_path / "in.csv").write_text(f"id;rate\n5001;{text}\n", encoding="utf-8")
    (row,) = rows_of(tmp_path / "in.csv", ReadOptions(decimal="."))
    assert row.changes == {"rate": Decimal("1093.45")}


def test_statuses_of_products_are_carried_along(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id;rate;Status\n5001;21;Active\n5002;22;\n5003;23;PENDING\n")
    assert [row.id for row in rows_of(tmp_path / "in.csv")] == [5001, 5002, 5003]
    (tmp_path / "in.csv").write_text("id;rate;Status\n5001;21;new\n")
    (row,) = rows_of(tmp_path / "in.csv", ReadOptions(ignored=("Status",)))
    assert row.id == 5001


def test_days_that_differ_by_row_are_carried_along(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id;rate;Sold\n5001;21;2025-01-31\n5002;22;2024-02-29\n")
    assert [row.id for row in rows_of(tmp_path / "in.csv")] == [5001, 5002]


@pytest.mark.parametrize(
    ("text", "quantity"), [("1.000", 1000), ("2", 2), ("2,0", 2), ("1 000", 1000)]
)
def test_a_stated_decimal_sign_holds_for_quantities(
    tmp_path: Path, text: str, quantity: int
) -> None:
    (tmp_path / "in.csv").write_text(f"id;quantity\n5001;{text}\n")
    (row,) = rows_of(tmp_path / "in.csv", ReadOptions(decimal=","))
    assert row.changes == {"quantity": quantity}


@pytest.mark.parametrize("text", ["1,5", "-1.000", "1e3"])
def test_a_stated_decimal_sign_makes_no_quantity_of_anything_else(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "in.csv").write_text(f"id;quantity\n5001;{text}\n")
    (row,) = rows_of(tmp_path / "in.csv", ReadOptions(decimal=","))
    assert isinstance(row, list)


@pytest.mark.parametrize("line", ['5001, "SIP, Trunk"', '5001, "SIP",A', '5001,SIP, "A"'])
def test_a_quotation_mark_behind_a_blank_is_a_problem(read: Read, line: str) -> None:
    (problem,) = read(f"id,description,code1\n{line}\n")
    assert "does not quote" in problem.kind


def test_a_quotation_mark_behind_a_blank_harms_no_column_that_is_carried_along(read: Read) -> None:
    assert read('id,rate,note,by\n5001,20.48, "VIP", "Ann"\n').changes == {"rate": Decimal("20.48")}
    assert read('id,rate,note\n5001,20.48," ""Best"" plan"\n').id == 5001
    (problem,) = read('id,rate,note,by\n5001,20.48, "VIP, gold"\n')
    assert "does not quote" in problem.kind


def test_a_title_whose_quotation_mark_does_not_quote_is_told_as_such(read: Read) -> None:
    with pytest.raises(InputError, match=r'column "rate": a quotation mark that does not quote'):
        read('id, "rate"\n5001, "20.48"\n')


def test_a_plus_sign_before_a_quantity_is_asked_about_as_before_a_rate(read: Read) -> None:
    (problem,) = read("id,quantity\n5001,+2\n")
    assert "a plus sign, as if so much were to be added" in problem.kind


def test_excels_separator_line_may_end_as_on_an_old_mac(read: Read) -> None:
    assert read("sep=;\rid;rate\r5001;20.48\r").changes == {"rate": Decimal("20.48")}


def test_two_columns_of_one_name_are_told_once(read: Read) -> None:
    with pytest.raises(InputError) as refused:
        read("id;rate;Rate\n5001;20.48;20.49\n")
    assert str(refused.value) == "in.csv: two columns are called rate"


@pytest.mark.parametrize("text", ["1930-01-31", "0026-01-31"])
def test_a_day_of_a_year_that_was_typed_short_is_a_problem(read: Read, text: str) -> None:
    assert isinstance(read(f"id;disconnect_date\n5001;{text}\n"), list)


@pytest.mark.parametrize(
    ("code", "is_planned"),
    [
        *(("yyyy-mm-dd", True), ("d/m/yy", True), ("dddd, d mmmm yyyy", True), ("mmm-yy", False)),
        *(("d-mmm", False), ("mmmm yyyy", False), ("dddd", False), ("yyyy", False)),
    ],
)
def test_a_day_is_planned_if_all_of_it_is_shown(
    tmp_path: Path, code: str, *, is_planned: bool
) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "disconnect_date"])
    sheet.append([5001, date(2027, 3, 1)])
    sheet.cell(2, 2).number_format = code
    for book.iso_dates in (False, True):
        book.save(tmp_path / "in.xlsx")
        (row,) = rows_of(tmp_path / "in.xlsx")
        assert isinstance(row, ParsedRow) is is_planned


@pytest.mark.parametrize("code", ["0.00E+00", '"CP-"0', '"1"0', "0.0,", "0;;;"])
def test_an_id_that_is_shown_as_another_is_a_problem(tmp_path: Path, code: str) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "rate"])
    sheet.append([5001 if code != "0;;;" else 5001.4, 20.48])
    sheet.cell(2, 1).number_format = code
    book.save(tmp_path / "in.xlsx")
    (row,) = rows_of(tmp_path / "in.xlsx")
    assert isinstance(row, list)


@pytest.mark.parametrize(("dimension", "size"), [("row", 0.5), ("column", 0.1)])
def test_what_is_too_small_to_be_seen_counts_as_hidden(
    tmp_path: Path, dimension: str, size: float
) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "rate"])
    sheet.append([5001, 20.48])
    if dimension == "row":
        sheet.row_dimensions[2].height = size
    else:
        sheet.column_dimensions["B"].width = size
    book.save(tmp_path / "in.xlsx")
    with pytest.raises(InputError, match="hidden"):
        rows_of(tmp_path / "in.xlsx")


def test_lines_of_two_encodings_are_refused_by_their_numbers(tmp_path: Path) -> None:
    lines = [b"id;description", "5001;Prémium".encode(), "5002;Prémium".encode("cp1252")]
    (tmp_path / "in.csv").write_bytes(b"\n".join(lines))
    with pytest.raises(InputError, match="line 2 is UTF-8 and line 3 is not"):
        rows_of(tmp_path / "in.csv")


def test_a_byte_order_mark_does_not_hide_a_mixture_of_encodings(tmp_path: Path) -> None:
    lines = ["\ufeffid;description".encode(), b"5001;Seat", "5002;Prémium".encode("cp1252")]
    (tmp_path / "in.csv").write_bytes(b"\n".join(lines))
    with pytest.raises(InputError, match="line 1 is UTF-8 and line 3 is not"):
        rows_of(tmp_path / "in.csv")


def test_escapes_that_spreadsheets_write_are_undone(read: Read) -> None:
    row = read('id;description;code1\n5001;SIP_x0020_Trunk;"=""00123"""\n')
    assert row.changes == {"description": "SIP Trunk", "code1": "00123"}


@pytest.mark.parametrize(
    ("value", "code", "rate"),
    [
        (20.48, "General", "20.48"),
        (20.48, "0.00", "20.48"),
        (1093.45, "#,##0.00", "1093.45"),
        (1093.45, '"$"#,##0.00', "1093.45"),
        (1093.45, "#,##0.00 [$€-407]", "1093.45"),
        (1093.45, '_-"£"* #,##0.00_-', "1093.45"),
        (-5, "0.00;(0.00)", "-5"),
        (-5, "0.00;[Red]-0.00", "-5"),
        (-5, '_-* #,##0.00\\ "kr"_-;\\-* #,##0.00\\ "kr"_-', "-5"),
        (20.48, "#,##0.00\\ [$kr-41D]", "20.48"),
        (20.48, '"US$"0.00', "20.48"),
        (1093.45, "#\\ ##0.00", "1093.45"),
        (20.1 + 0.38, "General", "20.48"),
    ],
)
def test_a_number_that_is_shown_as_it_is_stored_is_planned(
    tmp_path: Path, value: float, code: str, rate: str
) -> None:
    (row,) = rows_of(workbook(tmp_path, (value, code)))
    assert row.changes == {"rate": Decimal(rate)}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (20.485, "0.00"),
        (20.48, "0"),
        (0.2048, "0.00%"),
        (0.2048, "0%"),
        (20480, "#,##0,"),
        (20480000, "0.0,,"),
        (20.5, "# ?/?"),
        (20.48, "0.00E+00"),
        (-5, "0.00;0.00"),
        (-5, "0.00;"),
        (20.48, '0.00" / 100"'),
        (20.48, '"free"'),
        (20.48, ";;;"),
        (20.48, "h:mm"),
        (20.48, "yyyy-mm-dd"),
        (20.48, "[h]:mm"),
        (20.48, '0.00"5"'),
        (20.48, '[<100]"low";0.00'),
        (2048, '0"."00'),
        (2048, "0\\.00"),
        (20.48, '"-"0.00'),
        (20.48, "(0.00)"),
        (20.48, '0.00"/yr"'),
        (20.48, '0.00" CR"'),
        (20.48, '0.00"c"'),
        (20.48, '0.00" €/mo"'),
        (True, "General"),
        (date(2026, 3, 1), "yyyy-mm-dd"),
        (datetime(2026, 3, 1, 12, 30), "yyyy-mm-dd hh:mm"),  # noqa: DTZ001 - as Excel has them
        (time(12, 30), "hh:mm"),
        (timedelta(hours=30), "[h]:mm"),
        ("=B1*1.05", "General"),
        ("#N/A", "General"),
        ("20.48 €", "General"),
    ],
)
def test_a_number_that_is_shown_otherwise_is_a_problem(
    tmp_path: Path, value: Any, code: str
) -> None:
    (row,) = rows_of(workbook(tmp_path, (value, code)))
    assert isinstance(row, list), row


def test_texts_that_are_numbers_without_doubt_are_planned(tmp_path: Path) -> None:
    (row,) = rows_of(workbook(tmp_path, ("20.48", "@")))
    assert isinstance(row, ParsedRow)
    assert row.changes == {"rate": Decimal("20.48")}


@pytest.mark.parametrize(
    "codes",
    [
        ('"$"#,##0.00', "#,##0.00 [$€-407]"),
        ('"$"0.00', '"C$"0.00'),
        ("[$USD] 0.00", "[$CAD] 0.00"),
        ("0.00 €", "0.00 £"),
    ],
)
def test_rates_that_are_shown_in_several_currencies_are_refused(
    tmp_path: Path, codes: tuple[str, str]
) -> None:
    path = workbook(tmp_path, *((20.48, code) for code in codes))
    with pytest.raises(InputError, match=r"several currencies .*line 2.*line 3.*"):
        rows_of(path)


def test_rates_that_are_shown_in_one_currency_or_in_none_are_planned(tmp_path: Path) -> None:
    path = workbook(tmp_path, (20.48, '"$"0.00'), (20.48, "[$$-409]#,##0.00"), (20.48, "0.00"))
    assert all(isinstance(row, ParsedRow) for row in rows_of(path))


def workbook(directory: Path, *rates: tuple[Any, str]) -> Path:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "rate"])
    for line, (value, code) in enumerate(rates, start=2):
        sheet.cell(line, 1).value = 4999 + line
        sheet.cell(line, 2).value = value
        sheet.cell(line, 2).number_format = code
    path = directory / "in.xlsx"
    book.save(path)
    return path
