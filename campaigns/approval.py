"""Who may let a plan become a run, and who has."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.errors import NotAllowedError
from campaigns.plan.plan_file import Plan
from campaigns.store import Approval, OperatorStore
from campaigns.terms import Terms


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
    _check_four_eyes(plan, terms, by)
    if not reason.strip():
        raise NotAllowedError("an approval needs a reason")
    approval = Approval(plan.digest, by, clock(), reason)
    store.approve(plan.header.name, approval)
    return approval


def approval_of(plan: Plan, terms: Terms, store: OperatorStore) -> Approval:
    """The plan's approval, which a run needs. Raises NotAllowedError if none counts."""
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
    _check_four_eyes(plan, terms, approval.by)
    if not plan.summary.changes:
        raise NotAllowedError("the plan changes nothing")
    return approval


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


def _check_four_eyes(plan: Plan, terms: Terms, by: str) -> None:
    if terms.four_eyes and by == plan.header.author:
        raise NotAllowedError(f"{by} has made this plan: somebody else must approve it")
