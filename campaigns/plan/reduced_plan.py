"""A plan without some of its rows, made from the plan itself: nothing is read again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from campaigns.errors import InputError
from campaigns.guard_rails.rails import Rails
from campaigns.output.problem_file import ProblemBook
from campaigns.plan.diff import Policy
from campaigns.plan.plan_file import Header, Plan, keep, new_plan, open_plan
from campaigns.plan.planner import Planned, PlanRequest, PlanVerdict, check_outputs, check_overrides
from campaigns.plan.row_planner import RowPlanner
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.rules.rules import Rules
from campaigns.terms import Terms

_SHOWN = 5


def plan_without(
    plan: Plan,
    left_out: Collection[int],
    to: Path,
    request: PlanRequest,
    terms: Terms,
    *,
    now: float,
    on_row: Callable[[PlannedRow], None] = lambda _: None,
) -> Planned:
    """The plan's rows into the file `to`, those of the products `left_out` as left out.

    Rails of the plan as a whole are checked again; those of a row stand as they were. Of `request`
    the name, the author and further overrides count; `now`: Unix time, seconds. Raises InputError
    for a product that the plan does not change, or if nothing would be left; PlanFileError.
    """
    rails = terms.rails + Rails.parse(plan.header.rails)
    check_overrides(request.overrides, rails)
    if to.resolve() == plan.path.resolve():
        raise InputError(f"{to} is the plan itself: choose another name for the new one")
    check_outputs(to, request)
    header = _header(plan, len(unseen := set(left_out)), request, now)
    policy = Policy(
        Rules(), rails, frozenset(header.overrides), is_certified=terms.is_certified, now=now
    )
    with new_plan(to, header) as writer:
        for row in plan.rows():
            planned = row
            if row.kind is RowClass.CHANGE and row.id in unseen:
                unseen.discard(row.id)
                planned = replace(row, kind=RowClass.LEFT_OUT)
            writer.add(planned)
            on_row(planned)
        _check(unseen, writer.summary.changes)
        writer.summary.without_products = plan.summary.without_products
        stopped, kept = RowPlanner(writer, policy).forbidden(), None
        if not stopped:
            keep(to, writer)
            kept = open_plan(to)
    verdict = PlanVerdict.PROBLEMS if stopped else PlanVerdict.CHANGES
    return Planned(verdict, writer.summary, ProblemBook(), stopped, kept, header.read_as)


def _header(plan: Plan, rows: int, request: PlanRequest, now: float) -> Header:
    old = plan.header
    words = f"{rows:,} of plan {old.name} ({plan.digest[:10]}, made by {old.author})"
    return replace(
        old,
        name=request.name,
        author=request.author,
        created_at=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        overrides={**old.overrides, **request.overrides},
        read_as=replace(old.read_as, rows_left_out=(*old.read_as.rows_left_out, words)),
    )


def _check(unknown: Iterable[int], changes: int) -> None:
    """Raises InputError."""
    if ids := sorted(unknown):
        more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
        shown = ", ".join(map(str, ids[:_SHOWN]))
        raise InputError(f"the plan does not change product {shown}{more}: name rows that it does")
    if not changes:
        raise InputError("no row would be left to apply: send the plan back instead")
