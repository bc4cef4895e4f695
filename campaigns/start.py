"""From an approved plan to a run: the last checks, and how it is to be carried out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from campaigns.approval import approval_of, check_account, check_not_sent_back
from campaigns.errors import CampaignError, NotAllowedError
from campaigns.guard_rails.rails import Rails, forbidden
from campaigns.plan.plan_file import Plan
from campaigns.run.request import (
    AT_ONCE,
    WEIGHTS,
    RunRequest,
    check_request,
    check_same,
    stages,
)
from campaigns.run.spec import RunSpec
from campaigns.store import OperatorStore
from campaigns.store.run_codec import dump_gate
from campaigns.terms import Terms


def start(
    plan: Plan,
    terms: Terms,
    store: OperatorStore,
    request: RunRequest,
    *,
    clock: Callable[[], float],
) -> bool:
    """Begin the plan's run. Returns False if it had begun before, as the request says.

    Raises NotAllowedError, also if the run goes otherwise, and PlanFileError.
    """
    check_account(plan, terms)
    check_request(request)
    if store.exists(plan.run):
        check_same(request, store.view(plan.run).state, terms.time)
        return False
    approval = approval_of(plan, terms, store)
    rails = Rails.parse(plan.header.rails)
    _check_rails(plan, terms.rails + rails, terms)
    spec = RunSpec(
        run=plan.run,
        account=terms.account,
        name=plan.header.name,
        digest=plan.digest,
        rows=plan.summary.changes,
        stages=stages(plan.summary.changes, request.canary or ()),
        halt=request.halt or terms.halt,
        start_at=start_at(plan, terms, request, clock()),
        sending_hours=request.sending_hours,
        facts={
            "header": plan.header.document(),
            "summary": plan.summary.document(),
            "approved_by": approval.by,
            "approved_at": _iso(approval.at),
            "approval": approval.reason,
            "applied_by": request.by,
            "reason": request.reason,
        },
        zone=terms.zone,
    )
    gate = dump_gate(rails, plan.header.overrides, plan.header.effective, spec.timetable)
    began = store.start(
        spec,
        plan.changes(),
        gate=gate,
        rate=request.rate,
        weight=WEIGHTS[request.priority or "normal"],
        by=request.by,
        reason=request.reason,
    )
    if not began:
        check_not_sent_back(plan, store)
        check_same(request, store.view(plan.run).state, terms.time)
    return began


def start_at(plan: Plan, terms: Terms, request: RunRequest, now: float) -> float:
    """When the run begins; AT_ONCE if nothing says otherwise.

    An effective date says when the change is meant to hold, so the run begins with that day.
    Raises NotAllowedError for a start that has passed.
    """
    if request.start_at == AT_ONCE:
        return AT_ONCE
    if request.start_at is not None:
        check_start(request.start_at, terms, now)
        return request.start_at
    if plan.header.effective is None:
        return AT_ONCE
    day = date.fromisoformat(plan.header.effective)
    if day > terms.time.day_of(now):
        return terms.time.day_begins(day)
    # The rows of a retry were due on that day already.
    if day == terms.time.day_of(now) or plan.header.kind == "retry":
        return AT_ONCE
    raise NotAllowedError(
        f"the change is meant to hold from {day}, which has passed: --start now begins it now, or "
        "plan it again from another day"
    )


def begins_in_words(plan: Plan, terms: Terms, now: float) -> str:
    """When the plan's run would begin by its effective date; "" if it has none."""
    day = plan.header.effective
    if day is None:
        return ""
    try:
        at = start_at(plan, terms, RunRequest(by=""), now)
    except NotAllowedError as exc:
        return str(exc)
    begins = f"apply begins it at {terms.time.show(at)}" if at else "apply begins it at once"
    return f"effective from {day}: {begins}, unless --start says otherwise"


def check_start(at: float, terms: Terms, now: float) -> None:
    """Raises NotAllowedError for a time that has passed."""
    if at < now:
        raise NotAllowedError(
            f"{terms.time.show(at)} has passed; it is {terms.time.show(now)}. The start `now` "
            "begins at once"
        )


def parse_canary(text: str) -> tuple[int, ...]:
    """From "25,500,rest". Raises CampaignError, also if nothing says that all rows are meant."""
    *sizes, last = (part.strip() for part in text.split(","))
    if not all(re.fullmatch("[0-9]{1,9}", part) and int(part) for part in sizes):
        raise CampaignError(f"{text!r}: give sizes of stages, such as 25,500,rest")
    if last != "rest":
        raise CampaignError(
            f"{text!r}: end the stages with rest, as in 25,500,rest, since all other rows follow "
            "them. To apply some rows alone, leave the others out (revio campaign leave-out)"
        )
    return tuple(map(int, sizes))


def _check_rails(plan: Plan, rails: Rails, terms: Terms) -> None:
    summary = plan.summary
    breaches = rails.plan_breaches(
        summary.changes, summary.before, summary.after, is_certified=terms.is_certified
    )
    if stopped := forbidden(breaches, plan.header.overrides):
        raise NotAllowedError(
            "stopped by a guard rail: " + "; ".join(breach.says for breach in stopped)
        )


def _iso(at: float) -> str:
    return datetime.fromtimestamp(math.floor(at), UTC).isoformat()
