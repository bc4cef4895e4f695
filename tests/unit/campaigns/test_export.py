"""An export is a price list: unedited it changes nothing, edited it is planned as it stands."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from campaigns.errors import InputError
from campaigns.export import ExportLayout, ExportRequest, export
from campaigns.guard_rails.rails import Rails
from campaigns.plan.owner_list import read_owner_list, read_product_list
from campaigns.plan.owners import Owners
from campaigns.plan.planner import Planned, Planner, PlanRequest, PlanVerdict
from campaigns.rules.rounding import Rounding
from campaigns.rules.rules import Rules
from campaigns.terms import Terms
from revio_jobs import CustomerProduct


class Products:
    """Implements the Reader port."""

    ids_per_call = 2

    def __init__(self, *products: CustomerProduct) -> None:
        self.products = {product.customer_product_id: product for product in products}

    def by_id(
        self, batches: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], dict[int, CustomerProduct]]]:
        for batch in batches:
            yield batch, {one: self.products[one] for one in batch if one in self.products}

    def by_customer(self, customers: Sequence[int]) -> Iterator[CustomerProduct]:
        return (one for one in self.products.values() if one.customer_id in customers)

    def by_line(self, lines: Sequence[int]) -> Iterator[CustomerProduct]:
        return (one for one in self.products.values() if one.line_id in lines)


def product(one: int, **more: Any) -> CustomerProduct:
    known = {"customer_id": 1001, "line_id": 30001, "product_id": 17, "rate": "19.5000"}
    fields = {**known, "status": "ACTIVE", "quantity": 2, "description": "=Seat; é", **more}
    return CustomerProduct(customer_product_id=one, **fields)


@pytest.fixture
def reader() -> Products:
    return Products(
        product(1, code1="00123", activated_date=date(2026, 1, 31)),
        product(2, rate=None, line_id=30002, code1=None),
        product(3, status="Disconnected"),
        product(4, rate="2.9999", customer_id=1002),
        product(
            5,
            rate="12.125",
            customer_id=1003,
            line_id=30003,
            description=" Seat,\r\n2nd floor\u00a0",
        ),
    )


CUSTOMERS = Owners.of([1001, 1002], [])
ALL = ("rate", "quantity", "description", "code1", "activated_date")


def planned(reader: Products, source: Path) -> Planned:
    planner = Planner(Terms("default", "v", 2, Rails()), reader, lambda: 1_800_000_000.0)
    return planner.make(source.parent / "out.plan", PlanRequest("out", "ann", source=source))


@pytest.mark.parametrize("name", ["now.csv", "now.xlsx"])
@pytest.mark.parametrize("fields", [("rate",), ALL])
def test_an_export_that_nobody_edited_changes_nothing(
    reader: Products, tmp_path: Path, name: str, fields: tuple[str, ...]
) -> None:
    to = tmp_path / name
    exported = export(to, ExportRequest(CUSTOMERS, ExportLayout.of(fields)), reader)
    assert (exported.rows, exported.left_out) == (3, {"disconnected": 1})
    result = planned(reader, to)
    assert (result.verdict, result.summary.rows.total()) == (PlanVerdict.NOTHING, 3)


def test_edited_rates_are_planned_unless_the_product_was_changed_in_between(
    reader: Products, tmp_path: Path
) -> None:
    to = tmp_path / "now.xlsx"
    export(to, ExportRequest(CUSTOMERS), reader)
    book = openpyxl.load_workbook(to)
    for row in book.active.iter_rows(min_row=2):
        row[1].value = 20
    book.save(to)
    assert planned(reader, to).summary.rows == {"change": 3}
    reader.products |= {2: product(2, rate="7"), 4: product(4, rate="3.5")}
    result = planned(reader, to)
    assert result.verdict is PlanVerdict.PROBLEMS
    (problem,) = result.problems.lines()
    assert problem == (
        "2 rows: rate is not as expected (line 3: '2, it is 7, not empty'; "
        "line 4: '4, it is 3.5, not 2.9999')"
    )


def test_an_export_shows_money_plainly_and_keeps_codes_as_text(
    reader: Products, tmp_path: Path
) -> None:
    export(tmp_path / "now.csv", ExportRequest(CUSTOMERS), reader)
    content = (tmp_path / "now.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfid,rate,expected:rate,customer_id,line_id,product_id,")
    first, second, third = csv.DictReader(content.decode("utf-8-sig").splitlines())
    assert [row["rate"] for row in (first, second, third)] == ["19.50", "", "2.9999"]
    assert [row["expected:rate"] for row in (first, second, third)] == [
        "19.50",
        "(clear)",
        "2.9999",
    ]
    assert (first["revio_description"], first["revio_quantity"]) == ("'=Seat; é", "2")
    export(tmp_path / "c.xlsx", ExportRequest(CUSTOMERS, ExportLayout.of(["code1"])), reader)
    code = openpyxl.load_workbook(tmp_path / "c.xlsx").active["B2"]
    assert (code.value, code.data_type, code.number_format) == ("00123", "s", "@")


@pytest.mark.parametrize("name", ["now.csv", "now.xlsx"])
def test_what_a_cell_cannot_say_is_not_held_against_a_product(
    reader: Products, tmp_path: Path, name: str
) -> None:
    to = tmp_path / name
    export(to, ExportRequest(Owners.of([1003], []), ExportLayout.of(ALL)), reader)
    result = planned(reader, to)
    assert (result.verdict, result.summary.rows) == (PlanVerdict.NOTHING, {"same": 1})
    reader.products[5] = product(5, rate="12.125", description="Seat, 3rd floor")
    assert "description is not as expected" in next(planned(reader, to).problems.lines())


def test_customers_and_lines_are_read_apart_and_each_product_is_written_once(
    reader: Products, tmp_path: Path
) -> None:
    owners = Owners.of([1002, 1002, 1009], [30001, 39999])
    exported = export(tmp_path / "now.csv", ExportRequest(owners), reader)
    ids = [line.split(",")[0] for line in (tmp_path / "now.csv").read_text().splitlines()[1:]]
    assert ids == ["4", "1"]
    assert exported.without_products == Owners((1009,), (39999,))


def test_a_filter_and_disconnected_products_are_said(reader: Products, tmp_path: Path) -> None:
    rules = Rules.parse("rate > 3", (), Rounding())
    request = ExportRequest(CUSTOMERS, rules=rules, includes_disconnected=True)
    exported = export(tmp_path / "now.csv", request, reader)
    assert (exported.rows, exported.left_out) == (2, {"not meant": 2})


@pytest.mark.parametrize(
    ("name", "owners", "told"),
    [
        ("now.ods", CUSTOMERS, "a .csv or an .xlsx"),
        ("there.csv", CUSTOMERS, "somebody's edits"),
        ("now.csv", Owners(), "give --customer"),
        ("now.csv", Owners.of([9], []), "have no products"),
        ("now.xlsx", Owners.of([9], []), "have no products"),
    ],
)
def test_an_export_that_cannot_be_written_leaves_nothing_behind(
    reader: Products, tmp_path: Path, name: str, owners: Owners, told: str
) -> None:
    (tmp_path / "there.csv").write_text("mine")
    with pytest.raises(InputError, match=told):
        export(tmp_path / name, ExportRequest(owners), reader)
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]
    assert (tmp_path / "there.csv").read_text() == "mine"


@pytest.mark.parametrize("fields", [["price"], ["do_not_prorate"]])
def test_a_field_that_cannot_be_read_is_not_exported(fields: list[str]) -> None:
    with pytest.raises(InputError, match="cannot be exported; rate, quantity"):
        ExportLayout.of(fields)


@pytest.mark.parametrize(
    "content",
    ["1001\n1002\n1001\n", "Customer ID\n1001\n\n1002\n", "name;customer_id\nA;1001\nB;1002\n"],
)
def test_a_list_of_customers_is_read_with_or_without_a_title(tmp_path: Path, content: str) -> None:
    (tmp_path / "c.csv").write_text(content)
    assert read_owner_list(tmp_path / "c.csv", "customer") == [1001, 1002]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("1001\nx\n0\n", r"not the number of a customer \(line 2: 'x'; line 3: '0'\)"),
        ("customer_id,name\n,A\n", "line 2: ''"),
        ("id\n5001\n", "name one column customer_id"),
        ("a,b\n1,2\n", "its first line has: a, b"),
        ("Our customers\n\ncustomer_id,name,id\n1001,A,1\n", "takes no such options"),
        ("customer_id\n", "names no customer"),
        ("customer_id\n1001\n1,004\n", "line 3: '1,004'"),
        ("1001\n1,004\n", "line 2: '1,004'"),
        ("name,customer_id\nA,1,004\n", "line 2: 'A,1,004'"),
        ("Lines\n30001\n", "name one column customer_id"),
    ],
)
def test_a_list_of_customers_that_is_in_doubt_is_refused(
    tmp_path: Path, content: str, told: str
) -> None:
    (tmp_path / "c.csv").write_text(content)
    with pytest.raises(InputError, match=told):
        read_owner_list(tmp_path / "c.csv", "customer")


@pytest.mark.parametrize(
    "read", [lambda path: read_owner_list(path, "customer"), read_product_list]
)
def test_a_list_with_rows_that_a_filter_hides_is_refused(
    tmp_path: Path, read: Callable[[Path], list[int]]
) -> None:
    book = openpyxl.Workbook()
    for row in (["id", "customer_id"], [5001, 1001], [5002, 1002], [5003, 1003]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    book.save(tmp_path / "c.xlsx")
    with pytest.raises(InputError, match=r"1 row is hidden.*line 3.*show them, or delete them"):
        read(tmp_path / "c.xlsx")
