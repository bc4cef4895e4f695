from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.guard_rails.rails import Guard, Level, Rail, Rails, forbidden, per_cent


@dataclass(frozen=True)
class Seen:
    rate: Decimal | None = Decimal("10.00")
    quantity: int | None = 2
    cost: Decimal | None = Decimal("4.00")
    billed_through_date: date | None = date(2026, 1, 31)


def breaches(guard: str, seen: Seen, effective: date | None = None, **after: Any) -> list[str]:
    return [rail.says for rail in Rails.parse([guard]).row_breaches(seen, after, effective)]


@pytest.mark.parametrize(
    ("guard", "seen", "rate", "told"),
    [
        ("below_cost=warn", Seen(), "3.99", "below cost 4.00"),
        ("below_cost=warn", Seen(), "4.00", ""),
        ("below_cost=warn", Seen(rate=Decimal(-5)), "-6", ""),
        ("change=warn:30", Seen(), "13.00", ""),
        ("change=warn:30", Seen(), "13.01", "30.1 %, more than 30 %"),
        ("change=warn:30", Seen(), "6.99", "-30.1 %"),
        ("change=warn:30", Seen(rate=Decimal(0)), "1", "from 0 to 1"),
        ("change=warn:30", Seen(rate=None), "1", ""),
        ("sign=block", Seen(), "-10", "changes its sign"),
        ("sign=block", Seen(), "0", ""),
        ("zero=block", Seen(), "0.00", "becomes zero"),
        ("cap=block:100", Seen(), "100", ""),
        ("cap=block:100", Seen(), "100.01", "above 100"),
        ("cap=block:100", Seen(rate=Decimal(-90)), "-100.01", "above 100"),
        ("cap=off", Seen(), "100000", ""),
        ("zero=block", Seen(), None, "becomes empty"),
        ("change=warn:30", Seen(), None, "-100.0 %, more than 30 %"),
        ("change=warn:30", Seen(rate=Decimal(0)), None, ""),
        ("below_cost=warn", Seen(), None, "below cost 4.00"),
        ("sign=block", Seen(), None, ""),
        ("cap=block:100", Seen(), None, ""),
    ],
)
def test_a_rate_past_a_rail_is_told(guard: str, seen: Seen, rate: str | None, told: str) -> None:
    found = breaches(guard, seen, rate=None if rate is None else Decimal(rate))
    assert len(found) == bool(told)
    assert told in "".join(found)


@pytest.mark.parametrize(
    ("after", "effective", "told"),
    [
        ({"rate": Decimal(1)}, None, ""),
        ({"rate": Decimal(1)}, date(2026, 2, 1), ""),
        ({"rate": Decimal(1)}, date(2026, 1, 31), "past 2026-01-31"),
        ({"disconnect_date": date(2026, 1, 15)}, None, "past 2026-01-15"),
    ],
)
def test_a_product_billed_past_the_change_is_told(
    after: dict[str, Any], effective: date | None, told: str
) -> None:
    found = breaches("billed=warn", Seen(), effective, **after)
    assert len(found) == bool(told)
    assert told in "".join(found)


def test_a_plan_as_a_whole_has_rails_too() -> None:
    rails = Rails.parse(["rows=override:100", "revenue=block:10"])
    told = [rail.says for rail in rails.plan_breaches(101, Decimal(1000), Decimal(1101))]
    assert told == ["101 rows change, more than 100", "revenue changes by 10.1 %, more than 10 %"]
    assert not rails.plan_breaches(100, Decimal(1000), Decimal(1100))


@pytest.mark.parametrize("level", ["warn", "override", "block"])
def test_a_plan_for_an_account_without_a_certificate_is_told(level: str) -> None:
    rails = Rails.parse([f"uncertified={level}"])
    assert not rails.plan_breaches(1, Decimal(1), Decimal(1))
    (breach,) = rails.plan_breaches(1, Decimal(1), Decimal(1), is_certified=False)
    assert (breach.rail, breach.level) == (Rail.UNCERTIFIED, level)
    assert "revio certify" in breach.says
    stopped = forbidden([breach], overrides=())
    assert bool(stopped) is (level != "warn")


def test_a_reason_crosses_an_override_and_nothing_crosses_a_block() -> None:
    rails = Rails.parse(["zero=override", "change=block:50", "below_cost=warn"])
    found = rails.row_breaches(Seen(), {"rate": Decimal(0)})
    assert {entry.rail for entry in found} == {Rail.ZERO, Rail.CHANGE, Rail.BELOW_COST}
    assert {rail.rail for rail in forbidden(found, [])} == {Rail.ZERO, Rail.CHANGE}
    assert {rail.rail for rail in forbidden(found, Rail)} == {Rail.CHANGE}


GUARDS = st.builds(
    Guard,
    st.just(Rail.CHANGE),
    st.sampled_from(Level),
    st.decimals(0, 100, places=1),
)


@given(st.lists(GUARDS), st.lists(GUARDS), st.decimals(0, 50, places=2))
def test_more_guards_never_let_more_through(
    one: list[Guard], more: list[Guard], rate: Decimal
) -> None:
    def stopped(rails: Rails) -> int:
        return len(forbidden(rails.row_breaches(Seen(), {"rate": rate}), []))

    both = Rails(tuple(one)) + Rails(tuple(more))
    assert stopped(both) >= max(stopped(Rails(tuple(one))), stopped(Rails(tuple(more))))


@given(GUARDS)
def test_a_guard_reads_back_from_its_text(guard: Guard) -> None:
    if guard.level is Level.OFF:
        guard = Guard(guard.rail, guard.level)
    assert Rails.parse([str(guard)]).guards == (guard,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cap",
        "cap=block",
        "cap=block:x",
        "zero=block:1",
        "x=warn",
        "cap=block:NaN",
        "cap=block:inf",
    ],
)
def test_nonsense_is_refused_with_the_rails_there_are(text: str) -> None:
    with pytest.raises(ValueError, match="below_cost"):
        Rails.parse([text])


@given(st.decimals(-1000, 1000, places=2), st.decimals(-1000, 1000, places=2))
def test_per_cent_has_the_sign_of_the_move(before: Decimal, after: Decimal) -> None:
    change = per_cent(before, after)
    if change is None:
        assert before == 0 != after
    else:
        assert (change > 0) is (after > before)
