from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import Change
from tasks.update.reconcile import UpdateFate, differences, judge

RECORD: Any = dict.fromkeys(CustomerProductRecord.__annotations__) | {
    "customer_product_id": 1,
    "rate": "12.5000",
    "quantity": 1,
    "description": "Line",
    "activated_date": "2026-01-31",
}


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
