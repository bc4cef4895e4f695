from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import Change
from tasks.update.reconcile import UpdateFate, differences, judge, same

RECORD: Any = dict.fromkeys(CustomerProductRecord.__annotations__) | {
    "customer_product_id": 1,
    "rate": "12.5000",
    "quantity": 1,
    "description": "Line",
    "activated_date": "2026-01-31",
}


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (Decimal("12.5"), "12.5000"),
        (Decimal(0), "-0.00"),
        (date(2026, 1, 31), "2026-01-31"),
        (1, 1),
        ("x", "x"),
        ("", None),
        ("", ""),
        (None, None),
        (None, ""),
        (True, True),
    ],
)
def test_a_value_is_recognised_in_its_form_on_the_wire(value: object, found: object) -> None:
    assert same(value, found)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (Decimal("12.5"), "12.51"),
        (Decimal("12.5"), None),
        (date(2026, 1, 31), "2026-02-01"),
        (date(2026, 1, 31), None),
        (1, True),
        (True, 1),
        (0, None),
        (1, "1"),
        ("x", "X"),
        ("x", None),
        (None, 0),
        (None, "0"),
        (None, False),
    ],
)
def test_another_value_is_not_taken_for_it(value: object, found: object) -> None:
    assert not same(value, found)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.integers(0, 6))
def test_trailing_zeros_do_not_matter(value: Decimal, zeros: int) -> None:
    text = format(value, "f")
    assert same(value, text + "0" * zeros if "." in text else text)


@pytest.mark.parametrize(
    ("change", "shows_at_once", "fate"),
    [
        (Change(1, {"rate": Decimal("12.5"), "quantity": 1}), True, UpdateFate.APPLIED),
        (Change(1, {"rate": Decimal("12.5")}, frozenset({"code1"})), True, UpdateFate.APPLIED),
        (Change(1, {"rate": Decimal("12.5"), "quantity": 2}), True, UpdateFate.NOT_APPLIED),
        (Change(1, {}, frozenset({"description"})), True, UpdateFate.NOT_APPLIED),
        (Change(1, {"rate": Decimal(9)}), False, UpdateFate.UNDECIDED),
        (Change(1, {"rate": Decimal("12.5")}), False, UpdateFate.APPLIED),
        (Change(1, {"do_not_prorate": True}), True, UpdateFate.UNDECIDED),
        (Change(1, {"do_not_prorate": True, "quantity": 1}), True, UpdateFate.APPLIED),
        (Change(1, {"quantity": 2}, frozenset({"do_not_prorate"})), True, UpdateFate.NOT_APPLIED),
    ],
)
def test_the_products_values_decide(
    change: Change, *, shows_at_once: bool, fate: UpdateFate
) -> None:
    assert judge(change, RECORD, shows_at_once=shows_at_once) is fate


def test_a_product_that_is_gone_proves_nothing() -> None:
    assert judge(Change(1, {"quantity": 1}), None, shows_at_once=True) is UpdateFate.UNDECIDED


def test_differences_show_what_was_found() -> None:
    expected = {"rate": Decimal(9), "quantity": 1, "description": None}
    assert differences(expected, RECORD) == {"rate": "12.5000", "description": "Line"}
