"""The declaration of a product's fields, and the contracts that must not differ from it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from revio_jobs.contracts import (
    CHANGE_NAMES,
    PRODUCT_FIELDS,
    CustomerProduct,
    CustomerProductRecord,
    Expected,
    FieldKind,
    QueryJob,
    QueryResult,
    UpdateJob,
    UpdateResult,
    values_agree,
)
from revio_jobs.contracts.arguments import Changes, ExpectedValues

READABLE = [name for name, field in PRODUCT_FIELDS.items() if field.is_readable]
CHANGEABLE = {name for name, field in PRODUCT_FIELDS.items() if field.is_changeable}
PYTHON_KIND = {
    int: FieldKind.INTEGER,
    Decimal: FieldKind.DECIMAL,
    bool: FieldKind.BOOLEAN,
    date: FieldKind.DATE,
    str: FieldKind.TEXT,
}


def kinds_of(contract: type[Any]) -> dict[str, FieldKind]:
    hints = {
        name: hint for name, hint in get_type_hints(contract).items() if name in PRODUCT_FIELDS
    }
    return {name: PYTHON_KIND[(get_args(hint) or (hint,))[0]] for name, hint in hints.items()}


@pytest.mark.parametrize("contract", [CustomerProduct, UpdateJob, Expected])
def test_a_contract_gives_each_field_its_declared_kind(contract: type[Any]) -> None:
    kinds = kinds_of(contract)

    assert kinds
    assert kinds == {name: PRODUCT_FIELDS[name].kind for name in kinds}


def test_a_query_shows_the_readable_fields_in_their_order() -> None:
    assert list(CustomerProduct.model_fields) == READABLE
    assert list(CustomerProductRecord.__annotations__) == READABLE


def test_an_update_takes_the_changeable_fields_and_no_others() -> None:
    assert set(CHANGE_NAMES) == CHANGEABLE
    assert set(Changes.__annotations__) == CHANGEABLE
    assert PRODUCT_FIELDS.keys() & UpdateJob.model_fields.keys() == CHANGEABLE


def test_what_can_be_changed_and_read_can_be_expected_and_so_can_the_status() -> None:
    expectable = (CHANGEABLE & set(READABLE)) | {"status"}

    assert set(Expected.model_fields) == expectable
    assert set(ExpectedValues.__annotations__) == expectable


@pytest.mark.parametrize("contract", [QueryJob, UpdateJob, QueryResult, UpdateResult])
def test_the_json_schema_of_jobs_and_results_describes_every_field(
    contract: type[BaseModel],
) -> None:
    schema = contract.model_json_schema()
    for definition in (schema, *schema.get("$defs", {}).values()):
        for name, field in definition["properties"].items():
            assert field.get("description"), f"{definition['title']}.{name}"


def test_the_json_schema_allows_no_float_as_money() -> None:
    rate = UpdateJob.model_json_schema()["properties"]["rate"]

    assert {choice["type"] for choice in rate["anyOf"]} == {"string", "integer", "null"}


def test_the_help_of_a_field_is_one_sentence() -> None:
    for field in PRODUCT_FIELDS.values():
        assert field.help.endswith(".")
        assert ". " not in field.help


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("rate", Decimal("12.5"), "12.50"),
        ("rate", "12.5", "12.50"),
        ("rate", Decimal(12), 12),
        ("rate", Decimal("-0.00"), "0"),
        ("quantity", 3, 3),
        ("code1", "0", "0"),
        ("code1", None, ""),
        ("rate", None, None),
        ("activated_date", date(2026, 1, 31), "2026-01-31"),
        ("do_not_prorate", False, False),
    ],
)
def test_values_that_mean_the_same_agree_either_way_round(
    name: str, first: object, second: object
) -> None:
    assert values_agree(name, first, second)
    assert values_agree(name, second, first)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.integers(0, 6))
def test_trailing_zeros_do_not_matter(value: Decimal, zeros: int) -> None:
    assert values_agree("rate", value, f"{value:f}" + "0" * zeros)


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("rate", Decimal(0), None),
        ("rate", "0.00", ""),
        ("quantity", 0, None),
        ("quantity", 1, True),
        ("quantity", 3, "3"),
        ("do_not_prorate", False, None),
        ("do_not_prorate", True, 1),
        ("code1", "12.5", "12.50"),
        ("code1", "A", "a"),
        ("code1", "0", None),
        ("rate", "twelve", "twelve"),
        ("rate", True, 1),
        ("rate", "NaN", "NaN"),
        ("activated_date", date(2026, 1, 31), date(2026, 1, 30)),
        ("activated_date", date(2026, 1, 31), "31.01.2026"),
        ("activated_date", datetime(2026, 1, 31), "2026-01-31"),  # noqa: DTZ001 - not a date
    ],
)
def test_values_that_differ_do_not_agree_either_way_round(
    name: str, first: object, second: object
) -> None:
    assert not values_agree(name, first, second)
    assert not values_agree(name, second, first)


def test_a_field_that_does_not_exist_has_no_values_to_compare() -> None:
    with pytest.raises(KeyError):
        values_agree("colour", 1, 1)
