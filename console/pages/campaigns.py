"""The list of an account's plans and runs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from starlette.responses import Response

from campaigns.run.state import Status
from console.plans.record import Record
from console.security.identity import Role
from console.visit import Visit

_PLANS = 30
_WAITS, _APPROVED, _OWN = "waits for approval", "approved", "approved by its author"
_TO_BE_MADE_AGAIN = frozenset({"sent back", "needs an answer", "problems", "failed"})


def list_campaigns(visit: Visit) -> Response:
    """The newest first: what is being planned, what waits for approval, what runs."""
    session = visit.campaigns
    records = visit.console.shelf.records(visit.account)
    runs = session.campaigns.runs()
    started = {view.state.spec.run for view in runs.views} | {*runs.unreadable}
    is_all = bool(visit.query.get("all"))
    lines = (_line(visit, record, started) for record in records)
    listed = (line for line in lines if line.stage != "started" and (is_all or line.is_open))
    plans = list(islice(listed, _PLANS))
    return visit.page(
        "campaigns.html.j2",
        plans=plans,
        is_all=is_all,
        views=runs.views,
        unreadable=list(runs.what_is_unreadable()),
        time=session.campaigns.terms.time,
        Status=Status,
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """A plan in the list."""

    record: Record
    stage: str
    """How far it has come, in words."""
    says: str
    """Why, in the words of whoever decided."""
    is_open: bool
    """Whether anybody still has to look at it."""
    waits_for_me: bool


def _line(visit: Visit, record: Record, started: set[str]) -> _Line:
    stage, says = _stage(visit, record, started)
    wanted, replacement = record.wanted, record.replacement
    is_mine, is_dead = wanted.author == visit.name, record.withdrawal is not None
    is_open = not is_dead and not (replacement and stage in _TO_BE_MADE_AGAIN)
    if replacement and not is_dead:
        by = f"replaced by {replacement.wanted.name}"
        stage, says = (
            ("replaced", by) if stage == _WAITS else (stage, "; ".join(filter(None, (by, says))))
        )
    four_eyes = visit.campaigns.campaigns.terms.four_eyes
    mine_to_decide = (
        stage == _WAITS and visit.may(Role.APPROVER) and not (four_eyes and is_mine)
    ) or (visit.may(Role.PLANNER) and is_mine and stage in {_APPROVED, _OWN, *_TO_BE_MADE_AGAIN})
    return _Line(record, stage, says, is_open, mine_to_decide and is_open and not replacement)


def _stage(visit: Visit, record: Record, started: set[str]) -> tuple[str, str]:
    """How far a plan has come, and the words of whoever decided that."""
    outcome = record.outcome
    if withdrawal := record.withdrawal:
        return "withdrawn", withdrawal.reason
    if outcome is None:
        return "being planned", ""
    if outcome.asks:
        return "needs an answer", ""
    if not outcome.changes_something:
        return outcome.verdict, ""
    campaigns = visit.campaigns.campaigns
    if outcome.run in started or campaigns.store.has_begun(outcome.run):
        return "started", ""
    if refusal := campaigns.store.plans.sent_back(outcome.digest):
        return "sent back", f"by {refusal.by}: {refusal.reason}"
    author, approval = record.wanted.author, campaigns.store.plans.approval(outcome.digest)
    if approval is None or campaigns.why_not_counted(outcome.digest, author, approval):
        return _WAITS, ""
    return (_OWN if approval.by == author else _APPROVED), f"by {approval.by}"
