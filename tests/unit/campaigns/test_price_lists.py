"""Price lists as people really have them: read as their authors see them, or refused in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from campaigns.errors import InputError
from campaigns.plan.planner import Planned, Planner, PlanRequest
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.source.encoding import find_encoding
from campaigns.source.options import HiddenRows, Rates, ReadOptions
from campaigns.terms import Terms
from revio_jobs import CustomerProduct

FILES = Path(__file__).parents[2] / "price_lists"
SHOWN_OTHERWISE = "shown otherwise than it is stored"
IN_A_TEXT = "in a column of texts"
PRODUCTS = {
    5001: ("SIP Trunk", "19.50"),
    5002: ("Hosted Seat", "24.95"),
    5003: ("Hosted Seat", "34.95"),
    5005: ("Managed Router", "15.00"),
    5008: ("Broadband 100/20", "89.00"),
    5009: ("Hosted Seat", "24.95"),
    5010: ("DID", "1.75"),
    5012: ("DID", "1.75"),
    5013: ("Broadband 100/20", "89.00"),
    5025: ("Toll-Free", "2.9999"),
}


class Products:
    """Implements the planner's Reader port."""

    ids_per_call = 200

    def by_id(
        self, batches: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], dict[int, CustomerProduct]]]:
        for batch in batches:
            yield batch, {one: product(one) for one in batch if one in PRODUCTS}

    def by_customer(self, customers: Sequence[int]) -> Iterator[CustomerProduct]:
        raise NotImplementedError(customers)

    def by_line(self, lines: Sequence[int]) -> Iterator[CustomerProduct]:
        raise NotImplementedError(lines)


def product(one: int) -> CustomerProduct:
    description, rate = PRODUCTS[one]
    return CustomerProduct(
        customer_product_id=one,
        customer_id=1001,
        description=description,
        rate=Decimal(rate),
        quantity=1,
        code1="A",
        code2="B",
        status="ACTIVE",
    )


@dataclass
class Outcome:
    """What planning must make of a file."""

    after: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    """The planned changes by product; None: the field is cleared."""
    problems: Mapping[int, str] = field(default_factory=dict)
    """What the problem of a line must say; in a list of several things, one of them."""
    read_as: Mapping[str, str] = field(default_factory=dict)
    """What the account of the reading must hold, by its lines' names."""
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Numbers of rows of other classes."""
    effective: str | None = None
    options: ReadOptions = field(default_factory=ReadOptions)


@dataclass
class Refused:
    """The file as a whole cannot be planned: what must be said."""

    says: str
    options: ReadOptions = field(default_factory=ReadOptions)


def rates(**values: str) -> dict[int, dict[str, str]]:
    return {int(name[1:]): {"rate": value} for name, value in values.items()}


OUTCOMES: list[tuple[str, Outcome | Refused]] = [
    ("c00_base.csv", Outcome(rates(_5001="20.48", _5002="26.20"))),
    (
        "c01_sep_semicolon.csv",
        Outcome(
            rates(_5001="20.48", _5002="26.20"), read_as={"delimiter": ";", "decimal sign": ","}
        ),
    ),
    (
        "c02_unicode_text.txt",
        Outcome(
            {5003: {"rate": "36.70", "description": "Hosted Seat \u2013 Prémium"}},
            read_as={"encoding": "utf-16", "delimiter": "tab"},
        ),
    ),
    ("c03b_thousands_shift.csv", Outcome(problems={2: "more cells than columns"})),
    ("c04_thousands_tab.txt", Outcome(problems={2: "thousands or decimals", 3: "--decimal"})),
    (
        "c04_thousands_tab.txt",
        Outcome(
            rates(_5008="1093", _5013="1250"),
            read_as={"thousands sign": ",", "decimal sign": ". (as stated)"},
            options=ReadOptions(decimal="."),
        ),
    ),
    ("c04b_thousands_german.csv", Outcome(problems={2: "thousands or decimals", 3: "--decimal"})),
    (
        "c04b_thousands_german.csv",
        Outcome(rates(_5008="1093", _5013="1250"), options=ReadOptions(decimal=",")),
    ),
    (
        "c04b_thousands_german.csv",
        Outcome(rates(_5008="1.093", _5013="1.250"), options=ReadOptions(decimal=".")),
    ),
    (
        "c05_money_words.csv",
        Outcome(
            problems={
                2: "'$'",
                3: "'€'",
                4: "'USD'",
                5: "','",
                6: '"\'"',
                7: "minus sign",
                8: "bracket",
                9: "per cent",
                10: "power of ten",
                11: "','",
                12: "minus sign is at its end",
                13: "'USD'",
                14: "'CR'",
            }
        ),
    ),
    (
        "c06_codes.csv",
        Outcome(
            {5002: {"code1": "1-Mar", "code2": "00456"}},
            problems={2: "long number that a spreadsheet has cut"},
        ),
    ),
    (
        "c07b_cp1251.csv",
        Outcome(problems={2: "--encoding"}, read_as={"encoding": "cp1252 (a guess"}),
    ),
    (
        "c07b_cp1251.csv",
        Outcome(
            {5005: {"description": "Маршрутизатор"}},
            read_as={"encoding": "cp1251 (as stated)"},
            options=ReadOptions(encoding="cp1251"),
        ),
    ),
    ("c07f_replacement.csv", Outcome(problems={2: "replacement character"})),
    ("c08_cr_only.csv", Outcome(rates(_5001="20.48", _5002="26.20"))),
    ("c10e_swallow_description.csv", Outcome(problems={2: "lines 2 to 3"})),
    ("c11c_newline_first_header_semicolon.csv", Outcome(rates(_5001="20.48"))),
    (
        "c12_dup_ids.csv",
        Outcome(
            rates(_5002="26.20"),
            problems={2: "different wishes", 4: "different wishes"},
            kinds={"repeated": 1},
            read_as={"rows repeated": "1"},
        ),
    ),
    ("c12c_old_new.csv", Refused(r"'New Rate' is not used .* --map \"New Rate=")),
    (
        "c12c_old_new.csv",
        Outcome(
            rates(_5001="20.48", _5002="26.20"),
            read_as={"columns used": "id, New Rate as rate", "carried along": "Rate"},
            options=ReadOptions({"New Rate": "rate"}),
        ),
    ),
    (
        "c12c_old_new.csv",
        Outcome(
            rates(_5001="20.48", _5002="26.20"),
            read_as={"columns used": "id, Rate as expected:rate, New Rate as rate"},
            options=ReadOptions({"New Rate": "rate", "Rate": "expected:rate"}),
        ),
    ),
    ("c12f_typo.csv", Refused(r"'descripton' .* looks like description, .*--ignore-column")),
    (
        "c12f_typo.csv",
        Outcome(
            {5001: {"rate": "20.48", "description": "SIP Trunk X", "activated_date": "2026-01-01"}},
            options=ReadOptions({"descripton": "description"}),
        ),
    ),
    (
        "c13_effective_date.csv",
        Outcome(
            rates(_5001="20.48", _5002="26.20"),
            effective="2027-03-01",
            read_as={"effective": "2027-03-01"},
        ),
    ),
    ("c15_title_rows.csv", Refused("--header-line 3")),
    (
        "c15_title_rows.csv",
        Outcome(
            rates(_5001="20.48"),
            read_as={"header": "line 3"},
            options=ReadOptions(header_line=3),
        ),
    ),
    ("c15b_blank_first.csv", Outcome(rates(_5001="20.48"), read_as={"header": "line 3"})),
    ("c17_null_words.csv", Outcome(problems=dict.fromkeys(range(2, 8), "instead of a text"))),
    (
        "c17c_clear_case.csv",
        Outcome({5001: {"code1": None, "code2": None}}, problems={3: "bare word clear"}),
    ),
    (
        "c18_blank_rates.csv",
        Outcome(
            rates(_5001="20.48", _5008="93.45"),
            kinds={"no wish": 2},
            read_as={"rows without a wish": "2"},
        ),
    ),
    (
        "c25_quantity.csv",
        Outcome(
            {5001: {"quantity": 2}, 5008: {"quantity": 0}},
            problems={3: "','", 4: "below zero", 6: "power of ten"},
        ),
    ),
    ("c27_rate_type.csv", Refused(r"'rate_type' .* instruction about prices")),
    (
        "c27_rate_type.csv",
        Outcome(
            rates(_5001="20", _5002="25"),
            read_as={"carried along": "rate_type"},
            options=ReadOptions(ignored=("rate_type",)),
        ),
    ),
    ("c28_currency.csv", Refused(r"'currency' .* --ignore-column")),
    ("c29_clear.csv", Outcome(problems={2: "bare word clear"})),
    ("l06_not_undoable.csv", Outcome({5009: {"code2": "NEW"}})),
    (
        "r01_roundtrip.xlsx",
        Outcome(
            {
                5003: {
                    "rate": "36.7",
                    "description": "Hosted Seat \u2013 Prémium",
                    "code2": "00123",
                },
                5025: {"rate": "3.15", "description": "Toll-Free \u2013 Prémium", "code2": "00456"},
            },
            problems={4: "no such product", 5: "'$'"},
        ),
    ),
    ("x01b_two_header_rows.xlsx", Refused(r"merged cells \(B1:C1\)")),
    ("x02_filtered_rows.xlsx", Refused("2 rows are hidden.*line 3, line 5.*--hidden-rows")),
    (
        "x02_filtered_rows.xlsx",
        Outcome(
            rates(_5001="20.48", _5005="15.75"),
            read_as={"rows hidden": "2, skipped", "rows": "2"},
            options=ReadOptions(hidden_rows=HiddenRows.SKIP),
        ),
    ),
    (
        "x02_filtered_rows.xlsx",
        Outcome(
            rates(_5001="20.48", _5002="26.2", _5005="15.75", _5008="93.45"),
            read_as={"rows hidden": "2, planned"},
            options=ReadOptions(hidden_rows=HiddenRows.PLAN),
        ),
    ),
    ("x03_instructions_first.xlsx", Refused("Instructions, Prices.*--sheet")),
    (
        "x03_instructions_first.xlsx",
        Outcome(
            rates(_5001="20.48"),
            read_as={"sheet": "Prices", "sheets left out": "Instructions"},
            options=ReadOptions(sheets=("Prices",)),
        ),
    ),
    ("x03c_two_data_sheets.xlsx", Refused("East, West.*--sheet")),
    (
        "x03c_two_data_sheets.xlsx",
        Outcome(
            rates(_5001="20.48", _5002="26.2"),
            read_as={"sheet": "East, West"},
            options=ReadOptions(sheets=("East", "West")),
        ),
    ),
    ("x05b_percent.xlsx", Outcome(problems={2: "shown 105%", 3: "shown 5%", 4: "shown 180%"})),
    (
        "x06_codes.xlsx",
        Outcome(
            problems={2: "shown 00123, holds 123", 3: "d-mmm", 4: IN_A_TEXT, 5: IN_A_TEXT, 6: "10%"}
        ),
    ),
    ("x07b_1904.xlsx", Outcome({5001: {"activated_date": "2026-06-01"}})),
    (
        "x08_text_numbers.xlsx",
        Outcome(
            rates(_5001="20.48", _5002="26.20", _5009="26.2"),
            problems={4: "','", 5: "'$'", 7: "has decimals"},
        ),
    ),
    (
        "x09_formulas.xlsx",
        Outcome(
            rates(_5002="26.2"),
            problems={2: "spreadsheet's error", 4: "#DIV/0!", 5: "formula without its value"},
        ),
    ),
    (
        "x11_displayed_rounding.xlsx",
        Outcome(problems={2: "shown 20.14, holds 20.1435", 3: SHOWN_OTHERWISE, 4: "15.50"}),
    ),
    (
        "x11_displayed_rounding.xlsx",
        Outcome(
            rates(_5001="20.14", _5002="25.77", _5005="15.50", _5010="1.81", _5008="91.94"),
            read_as={"rates": "as shown"},
            options=ReadOptions(rates=Rates.SHOWN),
        ),
    ),
    (
        "x11_displayed_rounding.xlsx",
        Outcome(
            rates(_5001="20.1435", _5005="15.495", _5008="91.937"),
            problems={3: "more than 4 decimals", 5: "more than 4 decimals"},
            options=ReadOptions(rates=Rates.STORED),
        ),
    ),
    (
        "x20_table_offset.xlsx",
        Outcome(
            rates(_5001="20.48", _5002="26.2"),
            problems={6: "not a whole number"},
            read_as={"header": "line 3"},
        ),
    ),
    ("x25_password.xlsx", Refused("protected by a password")),
    (
        "x26_strict.xlsx",
        Outcome(
            rates(_5001="20.48", _5002="26.20", _5009="26.2"),
            problems={4: "','", 5: "'$'", 7: "has decimals"},
        ),
    ),
    (
        "x29_excel97.xls",
        Outcome(problems={2: "shown 20.14, holds 20.1435"}, read_as={"read as": "XLS workbook"}),
    ),
    (
        "x29_excel97.xls",
        Outcome(
            rates(_5001="20.14", _5002="25.77", _5005="15.50", _5010="1.81", _5008="91.94"),
            options=ReadOptions(rates=Rates.SHOWN),
        ),
    ),
    (
        "x29b.ods",
        Outcome(problems={2: "shown 20.14, holds 20.1435"}, read_as={"read as": "ODS workbook"}),
    ),
    (
        "x29b.ods",
        Outcome(
            rates(_5001="20.14", _5002="25.77", _5005="15.50", _5010="1.81", _5008="91.94"),
            options=ReadOptions(rates=Rates.SHOWN),
        ),
    ),
    ("x31_lo_kinds.xls", Refused("1 row is hidden.*line 4")),
    (
        "x31_lo_kinds.xls",
        Outcome(
            rates(_5001="20.48", _5009="21.48"),
            problems={3: "formula without its value", 5: "shown 5%, holds 0.05"},
            options=ReadOptions(hidden_rows=HiddenRows.SKIP),
        ),
    ),
    ("x31_lo_kinds.ods", Refused("1 row is hidden.*line 4")),
    (
        "x31_lo_kinds.ods",
        Outcome(
            rates(_5001="20.48", _5002="21.50", _5005="15.75", _5009="21.48"),
            problems={5: "shown 5%, holds 0.05"},
            options=ReadOptions(hidden_rows=HiddenRows.PLAN),
        ),
    ),
    ("x29d_lo_saved.xlsx", Outcome(rates(_5001="20.475", _5002="26.2"))),
    (
        "x30_lo_formulas.xlsx",
        Outcome(
            rates(_5001="20.48", _5008="93.45", _5009="26.2", _5010="1.84"),
            problems={4: "#DIV/0!"},
            kinds={"no wish": 1},
        ),
    ),
]


def plan(
    name: str,
    directory: Path,
    options: ReadOptions,
    seen: list[PlannedRow] | None = None,
    problems_to: Path | None = None,
) -> Planned:
    """Faulty rows are left out; `seen` is given all."""
    on_row = (lambda _: None) if seen is None else seen.append
    planner = Planner(Terms("default", "abc"), Products(), lambda: 1_800_000_000.0, on_row=on_row)
    request = PlanRequest(
        "out",
        "ann",
        source=FILES / name,
        options=options,
        leaves_problems_out=True,
        problems_to=problems_to,
    )
    return planner.make(directory / "out.plan", request)


@pytest.mark.parametrize(("name", "outcome"), OUTCOMES, ids=[name for name, _ in OUTCOMES])
def test_a_price_list_is_read_as_its_author_sees_it(
    name: str, outcome: Outcome | Refused, tmp_path: Path
) -> None:
    if isinstance(outcome, Refused):
        with pytest.raises(InputError, match=re.compile(outcome.says, re.DOTALL)):
            plan(name, tmp_path, outcome.options)
        return
    seen: list[PlannedRow] = []
    planned = plan(name, tmp_path, outcome.options, seen)
    changes = {
        row.id: {**row.after, **dict.fromkeys(row.clear)}
        for row in seen
        if row.kind is RowClass.CHANGE
    }
    assert changes == outcome.after
    problems = {row.line: "; ".join(row.says) for row in seen if row.kind is RowClass.PROBLEM}
    for line, says in outcome.problems.items():
        assert says in problems[line]
    assert planned.summary.rows["problem"] == len(problems)
    if not outcome.after:
        assert planned.plan is None
    kinds = {kind: planned.summary.rows[kind] for kind in outcome.kinds}
    assert kinds == outcome.kinds
    account = dict(planned.read_as.lines())
    for what, says in outcome.read_as.items():
        assert account[what].startswith(says), account
    if planned.plan:
        assert planned.plan.header.read_as == planned.read_as
        assert planned.plan.header.effective == outcome.effective


def test_every_price_list_has_its_outcome() -> None:
    assert {path.name for path in FILES.iterdir()} == {name for name, _ in OUTCOMES}


def test_the_faulty_rows_of_a_workbook_go_back_as_a_workbook(tmp_path: Path) -> None:
    plan("r01_roundtrip.xlsx", tmp_path, ReadOptions(), problems_to=tmp_path / "fix.xlsx")
    sheet: Any = openpyxl.load_workbook(tmp_path / "fix.xlsx").active
    header, faulty, gone = sheet.iter_rows()
    assert [cell.value for cell in header] == [
        *("id", "rate", "description", "code2", "note"),
        "revio_problem",
    ]
    assert [cell.value for cell in gone] == [
        *(99999999, 3.15, "no such", "00789", "café"),
        "no such product",
    ]
    assert (gone[3].data_type, gone[3].number_format) == ("s", "@")
    assert [cell.value for cell in faulty][:3] == [5005, "$15.75", "Router \u2013 Montréal"]
    # Once corrected, the file is a price list of its own.
    faulty[1].value, faulty[3].value = 15.75, "7"
    sheet.delete_rows(3)
    sheet.parent.save(tmp_path / "fix.xlsx")
    planned = plan(str(tmp_path / "fix.xlsx"), tmp_path, ReadOptions())
    assert planned.summary.rows == {"change": 1}


@pytest.mark.parametrize(
    ("content", "mark"),
    [
        ("id,rate,note\n5001,x,Zürich\n".encode(), b"\xef\xbb\xbf"),
        ("id,rate,note\n5001,x,Zürich\n".encode("utf-8-sig"), b"\xef\xbb\xbf"),
        ("id,rate,note\n5001,x,Zürich\n".encode("utf-16"), b"\xff\xfe"),
        ("id,rate,note\n5001,x,Zürich\n".encode("cp1252"), b"id"),
        (b"id,rate,note\n5001,x,Zurich\n", b"id"),
    ],
)
def test_faulty_rows_of_a_text_file_go_back_with_the_mark_that_they_need(
    tmp_path: Path, content: bytes, mark: bytes
) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    plan(str(tmp_path / "in.csv"), tmp_path, ReadOptions(), problems_to=tmp_path / "fix.csv")
    written = (tmp_path / "fix.csv").read_bytes()
    assert written.startswith(mark)
    encoding = find_encoding(tmp_path / "in.csv", None).name
    text = written.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    assert text.splitlines()[0] == "id,rate,note,revio_problem"
    assert content.decode(encoding).lstrip("\ufeff").splitlines()[1] in text


@pytest.mark.parametrize(
    "title",
    [
        *("New Rate", "old price", "Rate (%)", "Rate ($)", "discount", "Rate Type", "currency"),
        *("valid from", "qty", "Quantitiy", "desc", "New Code1", "code3", "uom", "Start Date"),
        *("Do-Not-Prorate", "percentage", "Preis", "type", "action", "date", "NewPrice", "€"),
        *("Multiplier", "New Status", "New Product", "Approved", "Skip?", "Apply (Y/N)", "Delete"),
        *("Do Not Change", "Billing Cycle", "incl. VAT", "Start", "Gültig ab", "Setup Fee", "CCY"),
        *("Eff. Date", "EffDt", "Until", "CR/DR", "Menge", "Kündigung", "Prorate?", "Min Qty"),
    ],
)
def test_a_column_that_looks_like_an_instruction_is_not_passed_over(
    tmp_path: Path, title: str
) -> None:
    (tmp_path / "in.csv").write_text(f"id,rate,{title}\n5001,21,1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"is not used and looks like .*--map .*--ignore-column"):
        plan(str(tmp_path / "in.csv"), tmp_path, ReadOptions())
    carried = plan(str(tmp_path / "in.csv"), tmp_path, ReadOptions(ignored=(title,)))
    assert carried.read_as.carried == (title,)


@pytest.mark.parametrize(
    "title",
    [
        *(
            "note",
            "region",
            "customer_id",
            "product_id",
            "Cost",
            "line",
            "owner",
            "Vermerk",
        ),
        *(
            "corporate",
            "feedback",
            "Customer Name",
            "package",
            "carrier",
            "",
            "revio_rate",
            "factor",
        ),
    ],
)
def test_a_column_that_says_nothing_of_the_change_is_carried_along(
    tmp_path: Path, title: str
) -> None:
    (tmp_path / "in.csv").write_text(f"id,rate,{title}\n5001,21,x\n")
    planned = plan(str(tmp_path / "in.csv"), tmp_path, ReadOptions())
    assert changes_of(planned) == rates(_5001="21")
    assert planned.read_as.carried == (title,)


def test_hidden_sheets_and_columns_are_read_only_if_somebody_says_so(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    shown: Any = book.active
    shown.append(["id", "rate"])
    shown.append([5001, 21])
    hidden = book.create_sheet("Draft")
    hidden.append(["id", "rate"])
    hidden.append([5002, 27])
    hidden.sheet_state = "veryHidden"
    path = tmp_path / "in.xlsx"
    book.save(path)
    assert changes_of(plan(str(path), tmp_path, ReadOptions())) == rates(_5001="21")
    draft = ReadOptions(sheets=("draft",))
    assert changes_of(plan(str(path), tmp_path, draft)) == rates(_5002="27")
    shown.column_dimensions["B"].hidden = True
    book.save(path)
    with pytest.raises(InputError, match=r'column B .rate. is hidden.*--map "rate=rate"'):
        plan(str(path), tmp_path, ReadOptions())
    stated = ReadOptions({"rate": "rate"})
    assert changes_of(plan(str(path), tmp_path, stated)) == rates(_5001="21")


def test_of_an_old_and_a_new_rate_the_old_one_must_be_the_products(tmp_path: Path) -> None:
    seen: list[PlannedRow] = []
    (tmp_path / "in.csv").write_text("id,Was,Now\n5001,19.50,21\n5002,24.90,27\n")
    stated = ReadOptions({"Was": "expected:rate", "Now": "rate"})
    planned = plan(str(tmp_path / "in.csv"), tmp_path, stated, seen)
    assert changes_of(planned) == rates(_5001="21")
    (problem,) = (row for row in seen if row.kind is RowClass.PROBLEM)
    assert problem.says == ("rate is not as expected: it is 24.95, not 24.90",)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (ReadOptions({"Nowhere": "rate"}), "--map Nowhere: there is no such column"),
        (ReadOptions({"note": "price"}), "column 'note' cannot be price"),
        (ReadOptions({"note": "rate", "rate": "rate"}), "two columns are called rate"),
        (ReadOptions(ignored=("notes",)), "--ignore-column notes: there is no such column"),
        (ReadOptions(sheets=("A",)), "--sheet is for workbooks"),
        (ReadOptions(header_line=9), "--header-line 9"),
        (ReadOptions(encoding="klingon"), "--encoding klingon: there is no such"),
    ],
)
def test_what_is_stated_of_a_file_must_fit_it(
    tmp_path: Path, options: ReadOptions, says: str
) -> None:
    (tmp_path / "in.csv").write_text("id,rate,note\n5001,21,x\n")
    with pytest.raises(InputError, match=says):
        plan(str(tmp_path / "in.csv"), tmp_path, options)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"<html><table><tr><td>id</td></tr></table>", "an HTML page"),
        (b"\r\n<!DOCTYPE html><table>", "an HTML page"),
        (b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>', "2003"),
        (
            b'<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument',
            "FODS",
        ),
        (b"ID;PWXL;N;E\r\nP;PGeneral\r\n", "SYLK"),
        (b'[{"id": 5001, "rate": 21}]', "JSON"),
        (b"MIME-Version: 1.0\r\n", "web page archive"),
        (b"Return-Path: <a@example.com>\r\n", "a mail"),
        ("<html><table><tr><td>id".encode("utf-16"), "HTML page"),
        ('<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>'.encode("utf-16"), "2003"),
        (b"<!-- saved from the portal --><HTML>", "HTML page"),
        (b"\3\x7a\x0b\x1d", "dBASE"),
        (b"BZh91AY", "bzip2"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "what a Mac notes"),
        (b"PK\3\4 cut off", "damaged, or cut off"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"), "Word"),
        ("id,rate\n5001,21\n".encode("utf-16-le"), "--encoding utf-16-le"),
        ("id,rate\n5001,21\n".encode("utf-16-be"), "--encoding utf-16-be"),
        ("id,rate\n5001,21\n".encode("utf-32-be"), "--encoding utf-32-be"),
        (b"id,rate\n5001,21\n5002,\x0022\n", "line 3 holds a byte of zero"),
        ("id,note\n1,Zürich\n".encode() + b"2,Z\xfcrich\n", "line 2 is UTF-8 and line 3 is not"),
        (b"id,rate\n1,\x81\n", "encoding is broken"),
    ],
)
def test_what_is_not_a_price_list_is_refused_by_its_name(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(InputError, match=says):
        plan(str(tmp_path / "in.csv"), tmp_path, ReadOptions())


def changes_of(planned: Planned) -> dict[int, Any]:
    assert planned.plan
    return {row.id: row.after for row in planned.plan.rows() if row.kind is RowClass.CHANGE}
