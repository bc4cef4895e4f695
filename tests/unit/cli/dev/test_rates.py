from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.dev.rates import CUSTOMERS, SEED, price_list, read, write
from cli.dev.verdict import differences
from sandbox.vendor.population import populate

EXAMPLE = Path(__file__).parents[4] / "examples" / "new-rates.csv"
RATES = list(price_list())
POPULATION = {
    int(customer["Customer_Product_ID"] or 0): customer for customer in populate(CUSTOMERS, SEED)
}


def test_the_committed_list_is_the_one_that_its_module_makes() -> None:
    made = io.StringIO()
    write(price_list(), made)
    assert EXAMPLE.read_text(encoding="utf-8") == made.getvalue()


def test_reading_gives_back_what_was_written() -> None:
    assert read(EXAMPLE) == RATES


def test_every_row_changes_the_rate_of_a_product_that_can_be_changed() -> None:
    assert len({rate.id for rate in RATES}) == 2000
    for rate in RATES:
        assert POPULATION[rate.id]["Status"] != "DENIED"
        assert Decimal(POPULATION[rate.id]["Rate"] or 0) == rate.old_rate != rate.rate


def test_jobs_of_two_campaigns_have_different_keys() -> None:
    keys = {RATES[0].job(campaign).idempotency_key for campaign in ("spring", "autumn")}
    assert keys == {"spring:5001", "autumn:5001"}


def as_wanted() -> tuple[dict[int, Any], dict[int, list[dict[str, Any]]]]:
    truth = {rate.id: {"Rate": f"{rate.rate}00"} for rate in RATES}
    executions = {rate.id: [{"at": 0, "fields": {"Rate": str(rate.rate)}}] for rate in RATES}
    return truth, executions


def test_the_verdict_finds_nothing_when_all_is_as_wanted() -> None:
    assert list(differences(RATES, *as_wanted())) == []


@given(
    product=st.sampled_from(RATES),
    spoilt=st.sampled_from(["rate", "never", "twice", "more", "other"]),
)
def test_the_verdict_names_the_one_product_that_differs(product: Any, spoilt: str) -> None:
    truth, executions = as_wanted()
    done = executions[product.id]
    match spoilt:
        case "rate":
            truth[product.id]["Rate"] = str(product.rate + 1)
        case "never":
            del executions[product.id]
        case "twice":
            done.append(done[0])
        case "more":
            done[0]["fields"]["Code1"] = None
        case "other":
            executions[product.id + 10_000] = done
    (line,) = differences(RATES, truth, executions)
    expected = product.id + 10_000 if spoilt == "other" else product.id
    assert f"product {expected} " in line


@pytest.mark.parametrize("row", [RATES[0], RATES[-1]])
def test_credits_and_fractions_are_rounded_to_the_cent(row: Any) -> None:
    assert row.rate == (row.old_rate * Decimal("1.05")).quantize(Decimal("0.01"), "ROUND_HALF_UP")
