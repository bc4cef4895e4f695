"""`revio campaign review` and `approve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.plan.review import Review
from cli.campaign.options import By, Reason
from cli.campaign.plan_tables import summary_document
from cli.campaign.review_tables import PlanStanding, review_document, review_tables
from cli.campaign.session import campaign_session
from cli.options import AccountName, AsJson
from revio_jobs.contracts import DEFAULT_ACCOUNT

PlanPath = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's file.")]


def review(
    path: PlanPath,
    *,
    html: Annotated[Path | None, typer.Option(help="Write one offline page with plots.")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Write every row as a workbook.")] = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Show what a plan changes, what it crosses, and what could not be undone."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        plan = session.campaigns.open(path)
        plan_review = Review.of(plan, session.campaigns.begins(plan), session.campaigns.terms.time)
        if html:
            html.write_text(plan_review.page(), encoding="utf-8")
        if xlsx:
            plan_review.write_workbook(xlsx)
        standing = PlanStanding.of(session.campaigns, plan)
        document = {
            "digest": plan.digest,
            "run": plan.run,
            **standing.document(),
            "read_as": plan.header.read_as.document(),
            "effective": plan.header.effective,
            "begins": plan_review.begins or None,
            **summary_document(plan.summary),
            **review_document(plan_review),
        }
        written = [path for path in (html, xlsx) if path]
        answer.give(document, *review_tables(plan_review, written, standing))


def approve(
    path: PlanPath,
    *,
    reason: Reason,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Approve exactly this plan; any change of it needs a new approval."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        plan = session.campaigns.open(path)
        given = session.campaigns.approve(plan, session.person(by, reason))
        answer.give(
            {"digest": plan.digest, "run": plan.run, "approved_by": given.by, "reason": reason},
            f"plan {plan.header.name} ({plan.digest[:10]}) is approved by {given.by}; next: "
            f"revio campaign apply {path}",
        )
