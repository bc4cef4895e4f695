"""Price lists as people really have them: read as their authors see them, or refused in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from campaigns.errors import InputError
from campaigns.plan.planner import Planned, Planner, PlanRequest
from campaigns.rows.planned_row import PlannedRow, RowClass
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
    name: str, directory: Path, options: ReadOptions, seen: list[PlannedRow] | None = None
) -> Planned:
    """Faulty rows are left out; `seen` is given all."""
    on_row = (lambda _: None) if seen is None else seen.append
    planner = Planner(Terms("default", "abc"), Products(), lambda: 1_800_000_000.0, on_row=on_row)
    request = PlanRequest(
        "out", "ann", source=FILES / name, options=options, leaves_problems_out=True
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
