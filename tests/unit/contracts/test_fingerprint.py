from __future__ import annotations

from decimal import Context, Inexact, localcontext
from typing import Any

import pytest

from revio_jobs.contracts import UpdateJob
from revio_jobs.contracts.decode import decode

PLAIN = {"id": 5001, "rate": "10"}


def fingerprint(**fields: Any) -> str:
    return decode(UpdateJob, PLAIN | fields).fingerprint()


@pytest.mark.parametrize(
    "same",
    [
        {"rate": "10.00"},
        {"rate": "+10.0"},
        {"rate": 10},
        {"account": "default"},
        {"idempotency_key": "another"},
        {"clear": []},
    ],
)
def test_the_same_wish_in_other_words_has_the_same_fingerprint(same: dict[str, Any]) -> None:
    assert fingerprint(**same) == fingerprint()


def test_the_order_of_what_is_cleared_does_not_matter() -> None:
    assert fingerprint(clear=["code1", "code2"]) == fingerprint(clear=["code2", "code1", "code1"])


def test_a_date_is_the_same_as_its_iso_form() -> None:
    by_text = decode(UpdateJob, {"id": 1, "activated_date": "2026-01-31"})
    assert (
        by_text.fingerprint()
        == by_text.model_validate(by_text.model_dump(exclude_unset=True)).fingerprint()
    )


@pytest.mark.parametrize("context", [Context(prec=6), Context(prec=6, traps=[Inexact])])
def test_a_fingerprint_does_not_depend_on_the_threads_decimal_context(context: Context) -> None:
    rates = ["1234567.89", "1234568.11", "1200000", "-0.00", "0.0001"]
    usual = [fingerprint(rate=rate) for rate in rates]
    with localcontext(context):
        assert [fingerprint(rate=rate) for rate in rates] == usual
    assert len(set(usual)) == len(rates)


def test_every_different_wish_has_its_own_fingerprint() -> None:
    wishes: list[dict[str, Any]] = [
        {},
        {"id": 5002},
        {"account": "acme"},
        {"rate": "10.01"},
        {"rate": "-10"},
        {"quantity": 0},
        {"quantity": 1},
        {"description": ""},
        {"description": "1"},
        {"code1": "1"},
        {"code2": "1"},
        {"do_not_prorate": True},
        {"do_not_prorate": False},
        {"activated_date": "2026-01-31"},
        {"disconnect_date": "2026-01-31"},
        {"clear": ["code1"]},
        {"clear": ["code2"]},
        {"expected": {"rate": "10"}},
        {"expected": {"rate": None}},
        {"expected": {"description": "10"}},
        {"expected": {"description": "None"}},
        {"expected": {"description": None}},
    ]
    assert len({fingerprint(**wish) for wish in wishes}) == len(wishes)


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    assert fingerprint() == "0a35fd50cd6a8254"
