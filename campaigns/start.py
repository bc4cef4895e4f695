"""From a plan to a run: approval, the last checks, and how it is to be carried out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from campaigns.errors import CampaignError, NotAllowedError
from campaigns.guard_rails.rails import Rails, forbidden
from campaigns.plan.plan_file import Plan
from campaigns.run.spec import DailyWindow, RunSpec
from campaigns.store import Approval, OperatorStore
from campaigns.store.run_codec import dump_gate
from campaigns.terms import HaltRules, Terms

WEIGHTS = {"low": 1, "normal": 2, "high": 4}


@dataclass(frozen=True, slots=True)
class RunRequest:
    """How a plan is to be carried out."""

    by: str
    reason: str = ""
    canary: Sequence[int] = ()
    """Sizes of the stages before the rest."""
    halt: HaltRules = field(default_factory=HaltRules)
    start_at: float = 0.0
    """Unix time, seconds."""
    window: DailyWindow | None = None
    rate: float | None = None
    """Calls a minute at most."""
    priority: str = "normal"


def approve(
    plan: Plan,
    terms: Terms,
    store: OperatorStore,
    *,
    by: str,
    reason: str,
    clock: Callable[[], float],
) -> Approval:
    """Bind somebody's word to the plan's digest. Raises NotAllowedError."""
    check_account(plan, terms)
    if terms.four_eyes and by == plan.header.author:
        raise NotAllowedError(f"{by} has made this plan: somebody else must approve it")
    if not reason.strip():
        raise NotAllowedError("an approval needs a reason")
    approval = Approval(plan.digest, by, clock(), reason)
    store.approve(plan.header.name, approval)
    return approval


def start(plan: Plan, terms: Terms, store: OperatorStore, request: RunRequest) -> bool:
    """Begin the plan's run; False: it had begun before. Raises NotAllowedError, PlanFileError."""
    check_account(plan, terms)
    if store.exists(plan.run):
        return False
    approval = _approved(plan, terms, store)
    rails = Rails.parse(plan.header.rails)
    _check_rails(plan, terms.rails + rails)
    spec = RunSpec(
        run=plan.run,
        account=terms.account,
        name=plan.header.name,
        digest=plan.digest,
        rows=plan.summary.changes,
        stages=stages(plan.summary.changes, request.canary),
        halt=request.halt,
        start_at=request.start_at,
        window=request.window,
        facts={
            "header": plan.header.document(),
            "summary": plan.summary.document(),
            "approved_by": approval.by,
            "approved_at": _iso(approval.at),
            "approval": approval.reason,
            "applied_by": request.by,
            "reason": request.reason,
        },
    )
    gate = dump_gate(rails, plan.header.overrides, plan.header.effective)
    return store.start(
        spec,
        plan.changes(),
        gate=gate,
        rate=request.rate,
        weight=WEIGHTS[request.priority],
        by=request.by,
        reason=request.reason,
    )


def check_account(plan: Plan, terms: Terms) -> None:
    """Raises NotAllowedError for a plan that was made for another account or vendor."""
    if plan.header.account != terms.account:
        raise NotAllowedError(
            f"the plan is for account {plan.header.account}, not for {terms.account}"
        )
    if plan.header.vendor != terms.vendor:
        raise NotAllowedError(
            f"the plan was made at another Rev.io address or client code than account "
            f"{terms.account} has now; plan again"
        )


def stages(rows: int, sizes: Sequence[int]) -> tuple[int, ...]:
    """Where each stage ends; the last holds the rest."""
    ends, end = [], 0
    for size in sizes:
        end += size
        if end < rows:
            ends.append(end)
    return (*ends, rows)


def parse_canary(text: str) -> tuple[int, ...]:
    """From "25,500,rest". Raises CampaignError."""
    parts = [part.strip() for part in text.split(",")]
    sizes = parts[:-1] if parts[-1] == "rest" else parts
    if not all(part.isascii() and part.isdigit() and int(part) for part in sizes):
        raise CampaignError(f"{text!r}: give sizes of stages, such as 25,500,rest")
    return tuple(map(int, sizes))


def _approved(plan: Plan, terms: Terms, store: OperatorStore) -> Approval:
    approval = store.approval(plan.digest)
    if approval is None:
        if store.approved_digest(plan.header.name):
            raise NotAllowedError(
                f"another version of plan {plan.header.name} was approved, not this one "
                f"({plan.digest[:10]}): review and approve it again"
            )
        raise NotAllowedError(
            f"plan {plan.header.name} ({plan.digest[:10]}) is not approved: "
            "`revio campaign approve` does it"
        )
    if terms.four_eyes and approval.by == plan.header.author:
        raise NotAllowedError(f"{approval.by} has made this plan: somebody else must approve it")
    if not plan.summary.changes:
        raise NotAllowedError("the plan changes nothing")
    return approval


def _check_rails(plan: Plan, rails: Rails) -> None:
    summary = plan.summary
    breaches = rails.of_plan(summary.changes, summary.before, summary.after)
    if stopped := forbidden(breaches, plan.header.overrides):
        raise NotAllowedError(
            "stopped by a guard rail: " + "; ".join(each.says for each in stopped)
        )


def _iso(at: float) -> str:
    return datetime.fromtimestamp(math.floor(at), UTC).isoformat()
