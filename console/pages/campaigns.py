"""The list of an account's plans and runs, and what touched a product."""

from __future__ import annotations

from starlette.responses import Response

from campaigns.run.state import Status
from console.plans.record import Record
from console.visit import Refused, Visit

_PLANS = 30


def list_campaigns(visit: Visit) -> Response:
    """The newest first: what is being planned, what waits for approval, what runs."""
    session = visit.campaigns
    records = visit.console.shelf.records(visit.account)
    views = list(session.campaigns.runs())
    started = {view.state.spec.run for view in views}
    plans = [(record, _stage(visit, record, started)) for record in records[:_PLANS]]
    return visit.page(
        "campaigns.html.j2",
        plans=[plan for plan in plans if plan[1] != "started"],
        views=views,
        time=session.campaigns.terms.time,
        Status=Status,
    )


def _stage(visit: Visit, record: Record, started: set[str]) -> str:
    """How far a plan has come, in words."""
    outcome = record.outcome
    if outcome is None:
        return "being planned"
    if outcome.asks:
        return "needs an answer"
    if not outcome.changes_something:
        return outcome.verdict
    if outcome.run in started:
        return "started"
    campaigns = visit.campaigns.campaigns
    if campaigns.store.sent_back(outcome.digest):
        return "sent back"
    author, approval = record.wanted.author, campaigns.store.approval(outcome.digest)
    if approval is None or campaigns.why_not_counted(outcome.digest, author, approval):
        return "waits for approval"
    return "approved by its author" if approval.by == author else "approved"


def show_product(visit: Visit) -> Response:
    """Every campaign and job that touched a product."""
    text = visit.query.get("id", "").strip()
    if not text:
        return visit.page("product.html.j2", product=None, touched=[], jobs=[], time=None)
    if not (text.isascii() and text.isdigit()):
        raise Refused(f"{text!r} is not the ID of a customer product: give its digits.")
    campaigns = visit.campaigns.campaigns
    touched, jobs = campaigns.explain(int(text[:18]))
    return visit.page(
        "product.html.j2",
        product=int(text[:18]),
        touched=touched,
        jobs=jobs,
        time=campaigns.terms.time,
    )
