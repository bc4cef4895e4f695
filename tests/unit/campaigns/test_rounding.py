from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.errors import CampaignError, ExpressionError
from campaigns.rules.rounding import MODES, Rounding
from campaigns.rules.rules import Rules


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("20.475", "20.48"), ("-20.475", "-20.48"), ("20.474999", "20.47"), ("0.005", "0.01")],
)
def test_a_half_goes_up_as_on_an_invoice(value: str, rounded: str) -> None:
    assert Rounding().apply(Decimal(value)) == Decimal(rounded)


@pytest.mark.parametrize(
    ("value", "endings", "price"),
    [
        ("24.20", ("0.99",), "23.99"),
        ("24.50", ("0.99",), "24.99"),
        ("24.60", ("0.49", "0.99"), "24.49"),
        ("0.10", ("0.99",), "0.99"),
        ("-5.25", ("0.99",), "-4.99"),
        ("27.00", ("9.99",), "29.99"),
        ("24.49", ("0.99",), "24.99"),
    ],
)
def test_a_charm_ending_is_the_nearest_price_that_has_it(
    value: str, endings: tuple[str, ...], price: str
) -> None:
    rounding = Rounding.parse("0.01", "half-up", endings)
    assert rounding.apply(Decimal(value)) == Decimal(price)


@given(
    st.decimals(-10_000, 10_000, places=6),
    st.sampled_from(["0.01", "0.05", "0.1", "1", "0.0001"]),
    st.sampled_from(sorted(MODES)),
)
def test_a_rounded_price_is_a_step_less_than_a_step_away(
    value: Decimal, step: str, mode: str
) -> None:
    rounded = Rounding.parse(step, mode).apply(value)
    assert rounded % Decimal(step) == 0
    assert abs(rounded - value) < Decimal(step)


@given(st.decimals(0, 10_000, places=4), st.sampled_from(["0.99", "0.5", "9.99", "4.95"]))
def test_no_other_price_with_the_ending_is_nearer(value: Decimal, ending: str) -> None:
    price = Rounding.parse("0.01", "half-up", (ending,)).apply(value)
    unit = Decimal(10) if Decimal(ending) >= 1 else Decimal(1)
    assert (price - Decimal(ending)) % unit == 0
    others = [Decimal(ending) + unit * n for n in range(int(value / unit) + 3)]
    assert abs(price - value) == min(abs(other - value) for other in others)


@pytest.mark.parametrize(
    ("step", "mode"), [("0", "up"), ("x", "up"), ("0.00001", "up"), ("1", "?")]
)
def test_nonsense_is_refused(step: str, mode: str) -> None:
    with pytest.raises(CampaignError):
        Rounding.parse(step, mode)


@pytest.mark.parametrize(
    ("rule", "mode", "price"),
    [
        ("rate/12*18", "half-up", "7.58"),
        ("rate/3*3", "floor", "5.05"),
        ("rate/3*3", "down", "5.05"),
        ("rate/7*7", "ceiling", "5.05"),
        ("rate/3", "ceiling", "1.69"),
        ("0-rate/3", "floor", "-1.69"),
    ],
)
def test_a_division_costs_no_cent_before_the_price_is_rounded(
    rule: str, mode: str, price: str
) -> None:
    rules = Rules.parse(None, [f"rate={rule}"], Rounding.parse("0.01", mode))
    assert rules.changes({"rate": Decimal("5.05")}) == {"rate": Decimal(price)}


@pytest.mark.parametrize(
    ("rule", "price"),
    [("5", "5.00"), ("100000", "100000.00"), ("rate/1000-rate/500", "0.00"), ("-rate*0", "0.00")],
)
def test_a_price_is_written_to_its_step_and_without_a_negative_zero(rule: str, price: str) -> None:
    rules = Rules.parse(None, [f"rate={rule}"], Rounding())
    assert str(rules.changes({"rate": Decimal("4.1250")})["rate"]) == price


def test_a_price_beyond_all_measure_is_a_problem_of_its_product() -> None:
    rules = Rules.parse(None, [f"rate=rate*{10**28}"], Rounding())
    with pytest.raises(ExpressionError, match="a rate of 29 digits is too large"):
        rules.changes({"rate": Decimal("5.05")})


def test_a_field_that_is_set_twice_is_refused_with_both_rules() -> None:
    with pytest.raises(ExpressionError, match=r"rate is set twice, to 'rate\*2' and to 'rate\+1'"):
        Rules.parse(None, ["rate=rate*2", "quantity=1", "rate = rate+1"], Rounding())
