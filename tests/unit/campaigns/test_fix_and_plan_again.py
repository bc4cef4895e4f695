"""A file of faulty rows that nobody has corrected is as faulty as its input was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from campaigns.guard_rails.rails import Rails
from campaigns.plan.planner import Planned, Planner, PlanRequest
from campaigns.source.options import ReadOptions
from campaigns.terms import Terms
from revio_jobs import CustomerProduct

HEADER = ("id", "rate", "quantity")


class Products:
    """Implements the Reader port: every product is there, with the same values."""

    ids_per_call = 5

    def by_id(
        self, batches: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], dict[int, CustomerProduct]]]:
        for batch in batches:
            yield batch, {one: self.product(one) for one in batch}

    def by_customer(self, customers: Sequence[int]) -> Iterator[CustomerProduct]:
        return map(self.product, customers)

    by_line = by_customer

    def product(self, one: int) -> CustomerProduct:
        return CustomerProduct(
            customer_product_id=one, rate=Decimal("10.00"), quantity=1, status="ACTIVE"
        )


def plan(source: Path, options: ReadOptions | None = None, rails: Iterable[str] = ()) -> Planned:
    """Plans the file, and writes its faulty rows to fix.xlsx beside it."""
    planner = Planner(Terms("default", "v", 5, Rails.parse(rails)), Products(), lambda: 0.0)
    request = PlanRequest(
        "out",
        "ann",
        source=source,
        options=options or ReadOptions(),
        problems_to=source.with_name("fix.xlsx"),
    )
    return planner.make(source.with_name("out.plan"), request)


def write(path: Path, *rows: Sequence[object]) -> Path:
    if path.suffix == ".csv":
        lines = [";".join(map(str, row)) for row in (HEADER, *rows)]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path
    book = openpyxl.Workbook()
    for row in (HEADER, *rows):
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("name", ["in.xlsx", "in.csv"])
@pytest.mark.parametrize(
    ("rate", "quantity"), [("1.250", "2"), ("11.00", "1.000"), ("x", "1.000"), ("1.250", "x")]
)
def test_an_amount_in_doubt_does_not_become_a_number(
    tmp_path: Path, name: str, rate: str, quantity: str
) -> None:
    first = plan(write(tmp_path / name, [5001, rate, quantity]))
    (tmp_path / "fix.xlsx").rename(tmp_path / "again.xlsx")
    again = plan(tmp_path / "again.xlsx")
    assert list(again.problems.lines()) == list(first.problems.lines())


@pytest.mark.parametrize("name", ["in.xlsx", "in.csv"])
def test_a_point_between_thousands_does_not_become_a_decimal_one(tmp_path: Path, name: str) -> None:
    comma = ReadOptions(decimal=",")
    plan(write(tmp_path / name, [5001, "1.250", "2"]), comma, ["cap=block:1000"])
    (tmp_path / "fix.xlsx").rename(tmp_path / "again.xlsx")
    (problem,) = plan(tmp_path / "again.xlsx", comma, ["cap=block:1000"]).problems.lines()
    assert "rate 1250 is above 1000" in problem


@pytest.mark.parametrize(("name", "written"), [("in.xlsx", 1250), ("in.csv", "1.250")])
def test_a_quantity_with_a_point_between_its_thousands_is_written_as_a_whole_number(
    tmp_path: Path, name: str, written: object
) -> None:
    plan(
        write(tmp_path / name, [5001, "500,00", "1.250"]),
        ReadOptions(decimal=","),
        ["cap=block:5"],
    )
    assert openpyxl.load_workbook(tmp_path / "fix.xlsx").active["C2"].value == written


@pytest.mark.parametrize(
    ("believed", "decimal", "words"), [(12.125, None, "12.125"), ("1.250", ",", "1250")]
)
def test_an_expected_rate_means_the_same_again(
    tmp_path: Path, believed: object, decimal: str | None, words: str
) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.append(["id", "rate", "expected:rate"])
    sheet.append([5001, 13, believed])
    book.save(tmp_path / "in.xlsx")
    options = ReadOptions(decimal=decimal)
    first = plan(tmp_path / "in.xlsx", options)
    (tmp_path / "fix.xlsx").rename(tmp_path / "again.xlsx")
    again = plan(tmp_path / "again.xlsx", options)
    (problem,) = again.problems.lines()
    assert f"it is 10.00, not {words}" in problem
    assert [problem] == list(first.problems.lines())


def test_a_stored_number_stays_one(tmp_path: Path) -> None:
    plan(write(tmp_path / "in.xlsx", [5001, 12.125, 3], [5002, 12.125, "x"]), rails=["cap=block:5"])
    first, second = openpyxl.load_workbook(tmp_path / "fix.xlsx").active.iter_rows(
        min_row=2, max_col=3, values_only=True
    )
    assert {first, second} == {(5001, 12.125, 3), (5002, 12.125, "x")}
