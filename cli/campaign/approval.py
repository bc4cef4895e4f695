"""`revio campaign review` and `approve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaigns.plan.figures import Figures
from campaigns.plan.review import review_page, write_review_workbook
from cli.campaign.options import By, Reason
from cli.campaign.plan_tables import review_tables, summary_document
from cli.campaign.session import campaign_session, person
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
    """Show a plan's largest moves and samples of each product."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        plan = session.campaigns.open(path)
        figures = Figures.of(plan.rows())
        if html:
            html.write_text(review_page(plan, figures), encoding="utf-8")
        if xlsx:
            write_review_workbook(plan, xlsx)
        approval = session.campaigns.store.approval(plan.digest)
        document = {
            "digest": plan.digest,
            "run": plan.run,
            "approved_by": approval.by if approval else None,
            "read_as": plan.header.read_as.document(),
            "effective": plan.header.effective,
            "begins": session.campaigns.begins(plan) or None,
            **summary_document(plan.summary),
        }
        written = [each for each in (html, xlsx) if each]
        tables = review_tables(plan, figures, written, approval, session.campaigns.terms.time)
        answer.give(document, *tables, *filter(None, [session.campaigns.begins(plan)]))


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
        given = session.campaigns.approve(plan, person(by, reason))
        answer.give(
            {"digest": plan.digest, "run": plan.run, "approved_by": given.by, "reason": reason},
            f"plan {plan.header.name} ({plan.digest[:10]}) is approved by {given.by}; next: "
            f"revio campaign apply {path}",
        )
