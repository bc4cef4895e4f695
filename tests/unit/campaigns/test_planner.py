"""What planning makes of rows and products; the vendor's values come from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from campaigns.business_time import BusinessTime
from campaigns.errors import CampaignError, InputError
from campaigns.guard_rails.rails import Rails
from campaigns.guard_rails.repeat import RecentChange, RecentChanges
from campaigns.plan.planner import Planned, Planner, PlanRequest, PlanVerdict
from campaigns.plan.review import Review
from campaigns.rows.planned_row import PlannedRow
from campaigns.rules.rounding import Rounding
from campaigns.rules.rules import Rules
from campaigns.terms import Terms
from revio_jobs import CustomerProduct, UnreadableProduct


class Products:
    """Implements the planner's Reader port."""

    ids_per_call = 2

    def __init__(self, *products: CustomerProduct | UnreadableProduct) -> None:
        self.products = {product_id.customer_product_id or 0: product_id for product_id in products}
        self.largest = 0

    def by_id(
        self, batches: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], dict[int, CustomerProduct | UnreadableProduct]]]:
        for batch in batches:
            self.largest = max(self.largest, len(batch))
            yield batch, {one: self.products[one] for one in batch if one in self.products}

    def by_customer(
        self, customers: Sequence[int]
    ) -> Iterator[CustomerProduct | UnreadableProduct]:
        return (
            product_id
            for product_id in self.products.values()
            if product_id.customer_id in customers
        )

    def by_line(self, lines: Sequence[int]) -> Iterator[CustomerProduct]:
        return (product_id for product_id in self.products.values() if product_id.line_id in lines)


def product(one: int, **more: Any) -> CustomerProduct:
    known = {"customer_id": 1001, "product_id": 17, "rate": "10.0000", "quantity": 2}
    fields = {**known, "status": "ACTIVE", "cost": "4.0000", "description": "Seat", **more}
    return CustomerProduct(customer_product_id=one, **fields)


PRODUCTS = Products(
    product(1, code1="A1"),
    product(2, rate="20.0000", customer_id=1002),
    product(3, status="Disconnected"),
    product(4, product_id=18, rate=None),
    product(5, rate="2.9999", code1="A"),
    UnreadableProduct(customer_product_id=6, field="rate", problem="rate holds no decimal"),
)
Plan = Callable[..., Planned]
NOW = 1_800_000_000.0


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Plans the lines of a CSV, or a request without one."""

    def planned(*lines: str, rails: Iterable[str] = (), **request: Any) -> Planned:
        if lines:
            request["source"] = tmp_path / "in.csv"
            request["source"].write_text("\n".join(lines))
        terms = Terms("default", "abc", 2, Rails.parse(rails))
        on_row = request.pop("on_row", lambda _: None)
        history = request.pop("history", None)
        fields = request.pop("clearable", None)
        if more_rails := request.pop("more_rails", None):
            request["rails"] = more_rails
        planning = Planner(
            terms, PRODUCTS, lambda: 1_800_000_000.0, lambda: fields, on_row, history
        )
        return planning.make(tmp_path / "out.plan", PlanRequest("out", "ann", **request))

    return planned


def rows(planned: Planned) -> dict[int, PlannedRow]:
    assert planned.plan
    return {row.id: row for row in planned.plan.rows()}


def after(planned: Planned) -> dict[int, Any]:
    return {one: row.after.get("rate") for one, row in rows(planned).items() if row.after}


def test_rows_are_told_apart(plan: Plan) -> None:
    planned = plan("id,rate,code1", "1,12.50,", "2,20.00,", "3,1,", "5,3,(clear)", "4,5,")
    assert planned.verdict is PlanVerdict.CHANGES
    found = rows(planned)
    assert {one: row.kind.value for one, row in found.items()} == {
        1: "change",
        2: "same",
        3: "disconnected",
        4: "change",
        5: "change",
    }
    assert found[1].before == {"rate": "10.0000"}
    assert found[5].before == {"rate": "2.9999", "code1": "A"}
    assert found[5].clear == ("code1",)
    assert PRODUCTS.largest == 2
    assert planned.summary.before == Decimal(20) + Decimal("5.9998")
    assert planned.summary.after == Decimal(25) + 6 + 10
    assert planned.summary.histogram == {"20 to 50 %": 1, "0 to 2 %": 1, "other fields": 1}


def test_all_problems_are_found_at_once_and_nothing_is_written(plan: Plan) -> None:
    planned = plan("id,rate", "1,x", "9,1", "2,1", "2,2", "5,-0")
    assert planned.verdict is PlanVerdict.PROBLEMS
    assert planned.plan is None
    assert planned.problems.counts == {
        "not a number: 'x' is in the way in rate": 1,
        "no such product": 1,
        "the id is there several times with different wishes, of which none is planned": 2,
    }
    text = "\n".join(planned.problems.lines())
    assert "1 row: not a number: 'x' is in the way in rate (line 2: 'x')" in text
    assert "(line 4: '2'; line 5: '2')" in text


def test_a_product_that_cannot_be_read_is_a_problem_of_its_own_row(plan: Plan) -> None:
    planned = plan("id,rate", "1,12", "6,1", leaves_problems_out=True)
    assert planned.problems.counts == {"cannot be read: rate holds no decimal": 1}
    assert after(planned) == {1: "12"}


def test_faulty_rows_can_be_left_out(plan: Plan) -> None:
    planned = plan("id,rate", "1,x", "2,21", "9x,1", leaves_problems_out=True)
    assert planned.verdict is PlanVerdict.CHANGES
    assert after(planned) == {2: "21"}
    assert rows(planned)[1].line == 2
    assert rows(planned)[0].line == 4


def test_each_row_is_told_as_it_is_planned_whatever_comes_of_it(plan: Plan) -> None:
    told: list[PlannedRow] = []
    plan("id,rate", "1,11", "2,x", "3,1", "9,1", "5,2.9999", on_row=told.append)
    kinds = ["problem", "change", "disconnected", "problem", "same"]
    assert sorted(row.kind.value for row in told) == sorted(kinds)


def test_nothing_to_do_is_not_a_problem(plan: Plan) -> None:
    assert plan("id,rate", "1,10", "2,20.00").verdict is PlanVerdict.NOTHING


@pytest.mark.parametrize(
    ("lines", "told"),
    [(["id,note", "1,x"], "no column says what to change"), (["id,rate"], "no rows")],
)
def test_a_file_that_says_nothing_is_told(plan: Plan, lines: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        plan(*lines)


def rules(*sets: str, where: str | None = None, **rounding: Any) -> Rules:
    return Rules.parse(where, sets, Rounding(**rounding))


def test_rules_need_no_file(plan: Plan) -> None:
    raised = rules("rate=rate*1.055", where="product_id=17 and rate > 2")
    planned = plan(rules=raised, customers=[1001])
    assert after(planned) == {1: "10.55", 5: "3.16"}
    assert planned.summary.rows == {"change": 2, "disconnected": 1, "not meant": 1}


def test_a_row_of_the_file_goes_before_the_rule(plan: Plan) -> None:
    raised = rules("rate=rate*2", "code2='X'", endings=(Decimal("0.99"),))
    planned = plan("id,rate", "1,", "2,20.5", rules=raised, rails=["change=off"])
    assert after(planned) == {1: "19.99", 2: "20.5"}
    assert rows(planned)[2].after == {"code2": "X", "rate": "20.5"}


def test_what_a_rule_cannot_compute_is_a_problem_of_its_row(plan: Plan) -> None:
    planned = plan("id", "1", "4", rules=rules("rate=rate*2"))
    assert planned.problems.counts == {"a field is empty that 'rate*2' computes with": 1}


def test_a_rail_stops_a_row_until_somebody_names_a_reason(plan: Plan) -> None:
    lines, rails = ("id,rate", "1,3.50", "2,21"), ["below_cost=override", "cap=warn:20"]
    stopped = plan(*lines, rails=rails)
    assert stopped.verdict is PlanVerdict.PROBLEMS
    assert stopped.problems.counts == {"stopped by the guard rail below_cost": 1}
    passed = plan(*lines, rails=rails, overrides={"below_cost": "agreed"})
    assert after(passed) == {1: "3.50", 2: "21"}
    assert rows(passed)[1].says == (
        "below_cost: rate 3.50 is below cost 4.0000 (crossed with a reason)",
    )
    assert rows(passed)[2].says == ("cap: rate 21 is above 20",)
    assert passed.plan
    assert passed.plan.header.overrides == {"below_cost": "agreed"}


def test_caps_see_the_rounded_rate(plan: Plan) -> None:
    raised = rules("rate=rate*1.0004")
    assert plan("id", "1", rules=raised, rails=["cap=block:10"]).verdict is PlanVerdict.NOTHING
    up = rules("rate=rate*1.0004", mode="up")
    assert plan("id", "1", rules=up, rails=["cap=block:10"]).verdict is PlanVerdict.PROBLEMS


def test_a_rail_stops_the_plan_as_a_whole(plan: Plan) -> None:
    planned = plan("id,rate", "1,11", "2,22", rails=["revenue=override:5"])
    assert planned.verdict is PlanVerdict.PROBLEMS
    assert "10.0 %" in planned.forbidden[0].says


@pytest.mark.parametrize("overrides", [{"belowcost": "x"}, {"zero": " "}])
def test_an_override_names_a_rail_and_a_reason(plan: Plan, overrides: dict[str, str]) -> None:
    with pytest.raises(CampaignError):
        plan("id,rate", "1,1", rails=["zero=override"], overrides=overrides)


def test_what_a_job_could_not_say_is_a_problem_when_planning(plan: Plan) -> None:
    planned = plan("id,description", f"1,{'x' * 501}", "2,a\tb")
    assert planned.verdict is PlanVerdict.PROBLEMS
    assert sum(planned.problems.counts.values()) == 2


def test_a_product_that_is_not_as_the_list_expects_is_a_problem(plan: Plan) -> None:
    header = "id,rate,Expected: Rate,expected:code1,expected:status"
    planned = plan(header, "1,12,10,,ACTIVE", "2,21,19,,", "5,3,2.9999,(clear),", "4,5,(clear),,")
    assert planned.verdict is PlanVerdict.PROBLEMS
    assert list(planned.problems.lines()) == [
        "1 row: rate is not as expected (line 3: '2, it is 20.0000, not 19')",
        "1 row: code1 is not as expected (line 4: '5, it is A, not empty')",
    ]


def test_what_a_product_was_expected_to_have_is_moot_once_it_is_as_wanted(plan: Plan) -> None:
    assert plan("id,rate,expected:rate", "1,10,9.50").verdict is PlanVerdict.NOTHING


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("id,rate,expected:price", "'expected:price': a product has rate, quantity"),
        ("id,rate,expected:rate,Expected Rate:x", "two columns"),
    ],
)
def test_a_column_of_expected_values_names_a_field_once(plan: Plan, header: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        plan(header.replace("Expected Rate:x", "expected:Rate"), "1,2,3,4")


class History:
    """Implements the planner's ChangeHistory port: what changed, by product."""

    def __init__(self, **changes: RecentChange) -> None:
        self.changes = {int(name[1:]): change for name, change in changes.items()}
        self.asked: list[tuple[float, str | None]] = []

    def since(self, at: float, *, except_run: str | None = None) -> RecentChanges:
        self.asked.append((at, except_run))
        return self.changes.get


DAY = 86_400
REPEAT = ["repeat=override:25"]


def test_a_product_that_a_run_has_changed_lately_is_named_until_somebody_says_why(
    plan: Plan,
) -> None:
    history = History(
        p1=RecentChange("june-1", "rate=rate*1.05", NOW - DAY),
        p2=RecentChange("july-2", "july.csv", None, "paused"),
        p5=RecentChange("may-3", "may.csv", NOW - 26 * DAY),
    )
    lines = ("id,rate", "1,11", "2,22", "5,3")
    stopped = plan(*lines, rails=REPEAT, history=history)
    assert history.asked == [(NOW - 25 * DAY, None)]
    (problem,) = stopped.problems.lines()
    assert problem == (
        "2 rows: stopped by the guard rail repeat ("
        "line 2: '1, run june-1 changed it at 2027-01-14 08:00 UTC by rate=rate*1.05 (needs an "
        "override)'; line 3: '2, run july-2 (paused) is to change it by july.csv (needs an "
        "override)')"
    )
    passed = plan(*lines, rails=REPEAT, history=history, overrides={"repeat": "a second step"})
    assert after(passed) == {1: "11", 2: "22", 5: "3"}
    assert rows(passed)[1].says[0].startswith("repeat: run june-1 changed it")


def test_the_strictest_of_two_repeat_rails_counts(plan: Plan) -> None:
    history = History(p1=RecentChange("may-3", "may.csv", NOW - 26 * DAY, is_certain=False))
    rails = [*REPEAT, "repeat=block:30"]
    stopped = plan("id,rate", "1,11", rails=rails, history=history)
    assert "run may-3 may have changed it" in next(stopped.problems.lines())
    assert history.asked == [(NOW - 30 * DAY, None)]


def test_without_the_rail_nobody_asks_what_runs_have_changed(plan: Plan) -> None:
    history = History(p1=RecentChange("june-1", "june.csv", NOW))
    assert after(plan("id,rate", "1,11", rails=["repeat=off"], history=history)) == {1: "11"}
    assert not history.asked


def test_a_review_tells_of_a_day_that_had_passed(plan: Plan) -> None:
    def alarms(day: date) -> list[str]:
        planned = plan("id,rate", "1,11", effective=day)
        assert planned.plan
        return list(Review.of(planned.plan, "", BusinessTime()).alarms())

    today = BusinessTime().day_of(NOW)
    [alarm] = alarms(today - timedelta(days=1))
    assert "which had passed when this was planned" in alarm
    assert alarms(today) == []


def test_a_repeat_rail_cannot_look_further_back_than_runs_are_kept(plan: Plan) -> None:
    with pytest.raises(CampaignError, match="runs are kept for 90 days"):
        plan("id,rate", "1,11", more_rails=Rails.parse(["repeat=override:91"]))


def test_rounding_that_goes_against_a_rule_is_a_problem(plan: Plan) -> None:
    rules = Rules.parse(None, ["rate=rate*1.00"], Rounding())
    planned = plan("id", "1", "2", "5", rules=rules)
    assert planned.verdict is PlanVerdict.PROBLEMS
    (problem,) = planned.problems.lines()
    assert "--round or --charm" in problem
    assert "(line 4: '5, 2.9999 would become 2.9999, rounded 3.00')" in problem
    finer = Rules.parse(None, ["rate=rate*1.05"], Rounding.parse("0.0001", "half-up"))
    assert after(plan("id", "5", rules=finer)) == {5: "3.1499"}
    charm = Rules.parse(None, ["rate=rate*1.01"], Rounding.parse("0.01", "half-up", ("0.99",)))
    assert "10.0000 would become 10.1, rounded 9.99" in next(
        plan("id", "1", rules=charm).problems.lines()
    )


def test_a_row_without_a_wish_is_counted_as_such_unless_a_rule_changes_it(plan: Plan) -> None:
    planned = plan("id,rate", "1,", "2,21", "4, ")
    assert planned.summary.rows == {"no wish": 2, "change": 1}
    assert planned.read_as.rows_without_wish == 2
    rules = Rules.parse(None, ["rate=30"], Rounding())
    assert plan("id,rate", "1,", "2,21", rules=rules).summary.rows == {"change": 2}


def test_an_old_rate_next_to_the_new_one_must_be_the_products(plan: Plan) -> None:
    planned = plan("id,Old Rate,rate", "1,10.00,12", "2,19.99,21")
    assert planned.read_as.used == {"id": "id", "Old Rate": "expected:rate", "rate": "rate"}
    (problem,) = planned.problems.lines()
    assert problem == "1 row: rate is not as expected (line 3: '2, it is 20.0000, not 19.99')"


@pytest.mark.parametrize(
    ("header", "line", "why"),
    [
        ("code2", "1,B", "the vendor's schema cannot empty code2"),
        ("code1,code2", "5,B,C", "the vendor's schema cannot empty code2"),
        ("rate", "4,5", "the vendor's schema cannot empty rate"),
        ("rate,do_not_prorate", "1,11,yes", "do_not_prorate cannot be read, so it would stay"),
        ("rate", "2,12", "the guard rail cap blocks the old rate"),
        ("rate,code1", "1,11,B", ""),
        ("rate", "5,3", ""),
    ],
)
def test_a_row_says_before_it_is_approved_whether_it_could_be_undone(
    plan: Plan, header: str, line: str, why: str
) -> None:
    planned = plan(f"id,{header}", line, rails=["cap=block:15"], clearable={"code1"})
    (row,) = rows(planned).values()
    assert row.not_undoable == why
    assert planned.summary.not_undoable == ({why: 1} if why else {})
    assert planned.plan
    assert planned.plan.summary.not_undoable == planned.summary.not_undoable


def test_a_price_that_is_emptied_meets_the_rails_of_prices(plan: Plan) -> None:
    planned = plan("id,rate", "1,(clear)", "2,(clear)", rails=["zero=override", "change=warn:30"])
    assert planned.verdict is PlanVerdict.PROBLEMS
    (problem,) = planned.problems.lines()
    assert problem == (
        "2 rows: stopped by the guard rail zero "
        "(line 2: '1, rate becomes empty (needs an override)'; "
        "line 3: '2, rate becomes empty (needs an override)')"
    )
    crossed = plan(
        "id,rate", "1,(clear)", rails=["zero=override"], overrides={"zero": "a free service"}
    )
    assert rows(crossed)[1].says == ("zero: rate becomes empty (crossed with a reason)",)


@pytest.mark.parametrize(
    ("rule", "lines", "kind"),
    [
        ("rate=rate*1.0001", ["1"], "rounded away"),
        ("rate=rate*1.0001", ["1,10.00"], "same"),
        ("rate=rate+0", ["1"], "same"),
        ("rate=10", ["1"], "same"),
        ("quantity=quantity", ["1"], "same"),
    ],
)
def test_a_rate_that_rounding_brings_back_is_told_from_one_that_is_there(
    plan: Plan, rule: str, lines: list[str], kind: str
) -> None:
    header = "id,rate" if "," in lines[0] else "id"
    planned = plan(header, *lines, rules=Rules.parse(None, [rule], Rounding()))
    assert planned.summary.rows == {kind: 1}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("code1='(Clear)'", "the text (Clear) in code1 (in a rule null empties the field)"),
        ("code1='clear'", "the bare word clear"),
        ("description='SIP\u200b'", "a sign that cannot be seen (U+200B) in description"),
    ],
)
def test_a_text_that_nobody_means_is_a_problem_in_a_rule_too(
    plan: Plan, rule: str, says: str
) -> None:
    planned = plan("id", "1", rules=Rules.parse(None, [rule], Rounding()))
    assert says in next(planned.problems.lines())


def test_a_rule_copies_a_text_as_it_is(plan: Plan) -> None:
    rules = Rules.parse(None, ["code2=code1"], Rounding())
    assert rows(plan("id", "1", rules=rules))[1].after == {"code2": "A1"}


def test_a_flag_that_no_query_shows_is_emptied_without_asking_what_it_is(plan: Plan) -> None:
    row = rows(plan("id,do_not_prorate", "1,(clear)"))[1]
    assert (row.clear, row.not_undoable) == (
        ("do_not_prorate",),
        "do_not_prorate cannot be read, so it would stay",
    )


def test_a_first_price_that_a_rail_would_not_let_an_undo_empty_is_not_undoable(plan: Plan) -> None:
    (row,) = rows(plan("id,rate", "4,5", rails=["zero=block"])).values()
    assert row.not_undoable == "the guard rail zero blocks the old rate"


def test_an_old_value_that_no_update_could_hold_is_a_problem_of_the_plan(plan: Plan) -> None:
    assert plan("id,rate", "6,12").verdict is PlanVerdict.PROBLEMS


def test_what_cannot_be_emptied_stands_in_no_undos_way_while_nobody_knows_it(plan: Plan) -> None:
    assert rows(plan("id,code2", "1,B"))[1].not_undoable == ""


def test_a_plan_remembers_what_it_crosses_as_a_whole(plan: Plan) -> None:
    planned = plan("id,rate", "1,11", "2,22", rails=["revenue=warn:5", "rows=warn:1"])
    assert planned.plan
    assert planned.plan.summary.crossed == {
        "revenue": "revenue changes by 10.0 %, more than 5 %",
        "rows": "2 rows change, more than 1",
    }
