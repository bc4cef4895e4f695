from __future__ import annotations

import tracemalloc
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from revio_jobs.contracts import (
    CustomerProduct,
    CustomerProductRecord,
    QueryResult,
    UpdateResult,
)

QUERY: dict[str, Any] = {
    "customer_products": [
        {
            "customer_product_id": 5001,
            "rate": "-12.50",
            "cost": "0.0000125",
            "activated_date": "2026-01-31",
            "status": "ACTIVE",
            "tax_included": False,
        }
    ],
    "missing_ids": [5002],
    "calls": 1,
    "fetched_at": "2026-02-01T10:00:00+00:00",
}


def test_a_query_result_has_pythons_types() -> None:
    result = QueryResult.model_validate(QUERY)
    [product] = result.customer_products
    assert (product.rate, product.activated_date) == (Decimal("-12.50"), date(2026, 1, 31))
    assert result.missing_ids == (5002,)
    assert result.fetched_at.utcoffset() is not None


def test_a_product_shows_more_decimals_than_a_job_may_set() -> None:
    assert QueryResult.model_validate(QUERY).customer_products[0].cost == Decimal("0.0000125")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_an_amount_survives_the_wire_exactly(amount: Decimal) -> None:
    product = CustomerProduct(customer_product_id=1, rate=amount)
    carried = CustomerProduct.model_validate_json(product.model_dump_json())
    assert carried.rate == amount


def test_a_field_that_a_newer_worker_adds_is_not_a_fault_for_an_older_caller() -> None:
    raw = {"outcome": "applied", "id": 5001, "verified": True, "mood": "good"}
    assert UpdateResult.model_validate(raw).outcome == "applied"


def test_the_record_and_the_model_of_a_product_have_the_same_fields() -> None:
    assert set(CustomerProductRecord.__annotations__) == set(CustomerProduct.model_fields)


def test_a_record_takes_little_memory() -> None:
    raw = "[" + ",".join(['{"customer_product_id": 1, "rate": "12.50"}'] * 1000) + "]"
    read = TypeAdapter(list[CustomerProduct]).validate_json
    read(raw)
    tracemalloc.start()
    kept = read(raw)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(kept) < 1500


def test_equal_results_have_one_hash_whatever_they_found() -> None:
    drifted = {"outcome": "drifted", "id": 1, "found": {"rate": "9"}}
    results = {UpdateResult.model_validate(drifted) for _ in range(2)}
    assert [result.found for result in results] == [{"rate": "9"}]
