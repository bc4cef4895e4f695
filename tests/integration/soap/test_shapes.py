"""Every form that the vendor's WSDL may have, against a service that has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from revio_jobs.errors import UnsupportedChange
from sandbox import RunningSandbox, running
from sandbox.contract.shapes import UPDATE_FIELDS, parse_update_shape
from tasks.ports import Change, Filters, Purpose
from tests.integration.soap.accounts import call, gateway, nothing
from worker.soap import RevioGateway, vendor

CASES: list[dict[str, Any]] = [
    {"update_shape": "optional", "records": "wrapped", "ports": "11,12"},
    {"update_shape": "nillable", "records": "flat", "ports": "12,11", "dates": "dateTime"},
    {"update_shape": "optional-nillable", "records": "other", "ports": "12"},
    {"update_shape": "wrapped", "records": "nested", "ports": "11", "record_nulls": "absent"},
    {"update_shape": "wrapped-plain", "request_lists": "wrapped", "ports": "12"},
    {"update_shape": "required", "request_lists": "wrapped", "records": "flat"},
    {"update_shape": "mixed", "records": "nested", "dates": "dateTime", "operations": 200},
    {"update_shape": "mixed,Rate=required", "address": "https://elsewhere.example/old.asmx"},
]
VALUES: dict[str, Any] = {
    "description": "Änderung <&> \u2013 “new”",
    "code1": "C-1",
    "code2": "",
    "activated_date": date(2026, 2, 1),
    "disconnect_date": date(2027, 12, 31),
    "rate": Decimal("-12.3400"),
    "quantity": 0,
    "do_not_prorate": False,
}
WRITTEN = {
    "description": "Änderung <&> \u2013 “new”",
    "code1": "C-1",
    "code2": "",
    "activated_date": "2026-02-01",
    "disconnect_date": "2027-12-31",
    "rate": "-12.3400",
    "quantity": "0",
    "do_not_prorate": "false",
}
NULLABLE = {"nillable", "optional-nillable", "wrapped"}


Shaped = tuple[RunningSandbox, RevioGateway, dict[str, str]]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case.values())))
def shaped(
    request: pytest.FixtureRequest,
) -> Iterator[Shaped]:
    with (
        running(customers=40, calls_per_minute=0, **request.param) as box,
        gateway(box) as opened,
    ):
        by_wire = parse_update_shape(request.param["update_shape"])
        names = {field.update: name for name, field in vendor.CHANGES.items()}
        yield box, opened, {names[wire]: str(by_wire[wire]) for wire in UPDATE_FIELDS}


def executed(box: RunningSandbox, product_id: int) -> list[dict[str, str | None]]:
    return [update["fields"] for update in box.updates([product_id]).get(product_id, [])]


def expected(values: dict[str, str | None]) -> dict[str, str | None]:
    return {vendor.CHANGES[name].update: value for name, value in values.items()}


@pytest.mark.parametrize("name", VALUES)
def test_a_change_of_one_field_changes_that_field_only(name: str, shaped: Shaped) -> None:
    box, opened, shapes = shaped
    box.reset()
    change = Change(5001, {name: VALUES[name]})

    if {shape for other, shape in shapes.items() if other != name} & {"required"}:
        with pytest.raises(UnsupportedChange, match="reset"):
            opened.update(change, call(Purpose.UPDATE), pytest.fail)
        assert "CustomerProducts_Update" not in box.calls()["by_operation"]
        return
    opened.update(change, call(Purpose.UPDATE), nothing)

    assert executed(box, 5001) == [expected({name: WRITTEN[name]})]


@pytest.mark.parametrize("name", VALUES)
def test_a_field_is_nulled_where_the_shape_can(name: str, shaped: Shaped) -> None:
    box, opened, shapes = shaped
    box.reset()
    change = Change(5001, {}, frozenset({name}))

    if shapes[name] in NULLABLE and "required" not in shapes.values():
        opened.update(change, call(Purpose.UPDATE), nothing)
        assert executed(box, 5001) == [expected({name: None})]
        return
    with pytest.raises(UnsupportedChange):
        opened.update(change, call(Purpose.UPDATE), pytest.fail)
    assert "CustomerProducts_Update" not in box.calls()["by_operation"]


def test_a_change_of_everything_arrives_in_every_shape(shaped: Shaped) -> None:
    box, opened, _ = shaped
    box.reset()

    opened.update(Change(5001, VALUES), call(Purpose.UPDATE), nothing)

    assert executed(box, 5001) == [expected(dict(WRITTEN))]


def test_a_query_reads_the_truth_in_every_shape(shaped: Shaped) -> None:
    box, opened, _ = shaped
    box.reset()
    truth = box.products()

    found = opened.query(Filters(ids=tuple(truth)), call(Purpose.QUERY))

    assert [record["customer_product_id"] for record in found] == list(truth)
    for record in found:
        true = truth[record["customer_product_id"]]
        for wire in vendor.RECORD:
            value = record[wire.lower()]  # type: ignore[literal-required]
            text = str(value).lower() if isinstance(value, bool) else value
            assert (None if text is None else str(text)) == true[wire], wire


@pytest.mark.parametrize(
    "filters",
    [Filters(customer_ids=(1001, 1002)), Filters(line_ids=(30001,)), Filters(ids=(5003,))],
)
def test_each_filter_finds_its_own(filters: Filters, shaped: Shaped) -> None:
    box, opened, _ = shaped
    truth = box.products().values()
    asked = (
        ("Customer_ID", filters.customer_ids),
        ("Line_ID", filters.line_ids),
        ("Customer_Product_ID", filters.ids),
    )
    expected_ids = [
        int(str(product["Customer_Product_ID"]))
        for product in truth
        for name, values in asked
        if int(str(product[name])) in values
    ]

    found = opened.query(filters, call(Purpose.QUERY))

    assert [record["customer_product_id"] for record in found] == expected_ids
