"""Approvals of plans: who may give one, and whether one counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from campaigns.errors import NotAllowedError
from campaigns.plan.plan_file import Plan
from campaigns.signing import SigningKey, Word
from campaigns.store import Approval, OperatorStore
from campaigns.terms import Terms

_OR_ELSE = "or with a token of yours from there in REVIO_CONSOLE_TOKEN"


@dataclass(frozen=True, slots=True)
class Person:
    """Who decides something, and why; both go into the audit log."""

    by: str
    reason: str


def approve(
    plan: Plan,
    terms: Terms,
    store: OperatorStore,
    person: Person,
    *,
    clock: Callable[[], float],
    key: SigningKey | None = None,
) -> Approval:
    """Bind an approval to the plan's digest; giving the same again changes nothing.

    `key`: proves who approves, which four-eyes needs. Raises NotAllowedError, also if somebody
    has approved the plan already.
    """
    check_account(plan, terms)
    if not person.reason.strip():
        raise NotAllowedError("an approval needs a reason")
    if key:
        store.signers.check(key)
    check_not_sent_back(plan, store)
    word = Approval(plan.digest, person.by, clock(), person.reason)
    approval = signed("approve", terms.account, word, key)
    if terms.four_eyes:
        _check_four_eyes(plan.digest, plan.header.author, store, terms.account, approval)
    earlier = store.plans.approval(plan.digest)
    if earlier and not why_not_counted(plan.digest, plan.header.author, terms, store, earlier):
        return _given_before(plan, earlier, approval)
    if meanwhile := store.plans.approve(plan.header.name, plan.run, approval, instead_of=earlier):
        check_not_sent_back(plan, store)
        return _given_before(plan, meanwhile, approval)
    return approval


def why_not_counted(
    digest: str, author: str, terms: Terms, store: OperatorStore, approval: Approval
) -> str:
    """Why no run may begin by an approval, as far as that depends on who gave it; "" if one may.

    `author`: the name that the plan gives.
    """
    if not terms.four_eyes:
        return ""
    try:
        _check_four_eyes(digest, author, store, terms.account, approval)
    except NotAllowedError as exc:
        return str(exc)
    return ""


def _given_before(plan: Plan, earlier: Approval, word: Approval) -> Approval:
    """Raises NotAllowedError unless the same person gave it with the same reason."""
    if (earlier.by, earlier.reason) == (word.by, word.reason):
        return earlier
    raise NotAllowedError(
        f"{earlier.by} has approved plan {plan.header.name} already: {earlier.reason}"
    )


def send_back(
    plan: Plan,
    terms: Terms,
    store: OperatorStore,
    person: Person,
    *,
    clock: Callable[[], float],
) -> None:
    """Say that the plan must not be applied, and why. Raises NotAllowedError once it has begun."""
    check_account(plan, terms)
    if not person.reason.strip():
        raise NotAllowedError("to send a plan back needs words for its author")
    word = Approval(plan.digest, person.by, clock(), person.reason)
    earlier = store.plans.send_back(plan.run, word)
    if earlier and (earlier.by, earlier.reason) != (person.by, person.reason):
        raise NotAllowedError(f"{earlier.by} has sent this plan back already: {earlier.reason}")


def approval_of(plan: Plan, terms: Terms, store: OperatorStore) -> Approval:
    """The plan's approval, which a run needs. Raises NotAllowedError if none counts."""
    approval = store.plans.approval(plan.digest)
    if approval is None:
        if store.plans.approved_digest(plan.header.name):
            raise NotAllowedError(
                f"another version of plan {plan.header.name} was approved, not this one "
                f"({plan.digest[:10]}): review and approve it again"
            )
        raise NotAllowedError(
            f"plan {plan.header.name} ({plan.digest[:10]}) is not approved: "
            "`revio campaign approve` does it"
        )
    if terms.four_eyes:
        _check_four_eyes(plan.digest, plan.header.author, store, terms.account, approval)
    check_not_sent_back(plan, store)
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


def signed(what: str, account: str, said: Approval, key: SigningKey | None) -> Approval:
    """With the proof of who it is, if there is a key. Raises NotAllowedError."""
    if key is None:
        return said
    signature = key.sign(_word(what, account, said))
    return replace(said, signer=key.id, signature=signature)


def _check_four_eyes(
    digest: str, named: str, store: OperatorStore, account: str, approval: Approval
) -> None:
    """Require two people whose names are proved. Raises NotAllowedError."""
    author = store.plans.author(digest)
    if author is None or not _proved("plan", account, author, store):
        raise NotAllowedError(
            f"four-eyes needs a proof of who made this plan, and {named} is only a "
            f"name: plan it in the console, {_OR_ELSE}"
        )
    if approval.by.casefold() == author.by.casefold():  # providers spell a name in several ways
        raise NotAllowedError(f"{approval.by} has made this plan: somebody else must approve it")
    if not _proved("approve", account, approval, store):
        raise NotAllowedError(
            f"four-eyes needs a proof of who approves, and {approval.by} is only a name, or may "
            f"not approve: approve it in the console, {_OR_ELSE}"
        )


def _proved(what: str, account: str, said: Approval, store: OperatorStore) -> bool:
    return store.signers.proves(_word(what, account, said), said.signer, said.signature)


def _word(what: str, account: str, said: Approval) -> Word:
    return Word(account, what, said.digest, said.by, said.at, said.reason)


def check_not_sent_back(plan: Plan, store: OperatorStore) -> None:
    """Raises NotAllowedError for a plan that somebody has sent back."""
    if refusal := store.plans.sent_back(plan.digest):
        raise NotAllowedError(
            f"{refusal.by} has sent plan {plan.header.name} ({plan.digest[:10]}) back: "
            f"{refusal.reason}; plan it again"
        )
