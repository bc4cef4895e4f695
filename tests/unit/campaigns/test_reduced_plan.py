"""A plan is made from another without some of its rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from campaigns.errors import CampaignError, InputError
from campaigns.guard_rails.rails import Rails
from campaigns.plan.plan_file import Header, Plan, keep, new_plan, open_plan
from campaigns.plan.planner import Planned, PlanRequest, PlanVerdict
from campaigns.plan.reduced_plan import plan_without
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.terms import Terms

HEADER = Header("june", "default", "v", "ann", "2026-06-01T00:00:00+00:00", source="june.xlsx")
NOW = 1_800_000_000.0


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Products 1 to 4 are raised from 10 to 11, the fourth to 20; 5 is as wanted."""
    path = tmp_path / "june.plan"
    with new_plan(path, HEADER) as writer:
        for product in range(1, 5):
            after = {"rate": "20.00" if product == 4 else "11.00"}
            before, seen = {"rate": "10.00"}, {"rate": "10.00", "quantity": 1}
            change = RowClass.CHANGE
            writer.add(PlannedRow(change, product + 1, product, before, after, seen=seen))
        writer.add(PlannedRow(RowClass.SAME, 6, 5))
        keep(path, writer)
    return open_plan(path)


def without(
    plan: Plan, *ids: int, rails: Iterable[str] = (), name: str = "june-2", **request: object
) -> Planned:
    terms = Terms("default", "v", 2, Rails.parse(rails))
    asked = PlanRequest(name, "bob", **request)  # type: ignore[arg-type]
    return plan_without(plan, ids, plan.path.with_name(f"{name}.plan"), asked, terms, now=NOW)


def test_rows_that_are_left_out_stay_visible_and_change_nothing(plan: Plan) -> None:
    planned = without(plan, 2, 4)
    assert planned.plan
    kinds = {row.id: row.kind.value for row in planned.plan.rows()}
    assert kinds == {1: "change", 2: "left out", 3: "change", 4: "left out", 5: "same"}
    assert [row.id for row in planned.plan.changes()] == [1, 3]
    assert planned.summary.after - planned.summary.before == 2
    assert planned.verdict is PlanVerdict.CHANGES


def test_the_new_plan_says_how_many_rows_were_left_out_and_of_which_plan(plan: Plan) -> None:
    first = without(plan, 2).plan
    assert first
    second = without(first, 3, name="june-3").plan
    assert second
    assert dict(second.header.read_as.lines())["rows left out"] == (
        f"1 of plan june ({plan.digest[:10]}, made by ann); "
        f"1 of plan june-2 ({first.digest[:10]}, made by bob)"
    )
    assert (second.header.author, second.header.source) == ("bob", "june.xlsx")


def test_the_new_plan_has_a_digest_and_a_run_of_its_own(plan: Plan) -> None:
    reduced = without(plan, 2, name="june-2").plan
    assert reduced
    assert reduced.digest != plan.digest
    assert reduced.run != plan.run
    assert open_plan(plan.path).digest == plan.digest


@pytest.mark.parametrize("product", [5, 6])
def test_a_product_that_the_plan_does_not_change_is_refused(plan: Plan, product: int) -> None:
    with pytest.raises(InputError, match=f"the plan does not change product {product}"):
        without(plan, 1, product)
    assert not plan.path.with_name("june-2.plan").exists()


def test_a_plan_that_would_change_nothing_is_refused(plan: Plan) -> None:
    with pytest.raises(InputError, match="no row would be left to apply"):
        without(plan, 1, 2, 3, 4)


def test_a_plan_is_not_written_over_itself(plan: Plan) -> None:
    with pytest.raises(InputError, match="the plan itself"):
        without(plan, 1, name="june")
    assert open_plan(plan.path).digest == plan.digest


def test_rails_of_the_plan_as_a_whole_are_checked_again(plan: Plan) -> None:
    rails = ["revenue=override:40"]
    assert without(plan, 4, rails=rails).verdict is PlanVerdict.CHANGES
    stopped = without(plan, 1, 2, 3, rails=rails)
    assert stopped.verdict is PlanVerdict.PROBLEMS
    assert "revenue changes by 100.0 %" in stopped.forbidden[0].says
    assert stopped.plan is None
    crossed = without(plan, 1, 2, 3, rails=rails, overrides={"revenue": "agreed"})
    assert crossed.plan
    assert crossed.plan.header.overrides == {"revenue": "agreed"}


def test_an_override_of_a_rail_that_does_not_exist_is_refused(plan: Plan) -> None:
    with pytest.raises(CampaignError, match="there is no guard rail 'change'"):
        without(plan, 1, overrides={"change": "agreed"})
