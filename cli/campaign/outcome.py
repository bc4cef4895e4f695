"""`revio campaign report`, `retry`, `undo` and `explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from campaigns import Only, Planned, PlanRequest, UndoReport
from campaigns.output.row_file import suffix_of
from campaigns.results.report import not_final
from campaigns.results.row_results import GROUPS
from cli.answer import Answer, spinner
from cli.campaign.options import By, Overrides, Reason, RunName, pairs
from cli.campaign.outcome_tables import explained, explained_document, undo_document, undo_tables
from cli.campaign.outlook import Outlook
from cli.campaign.plan_tables import plan_document, plan_tables
from cli.campaign.planning import EXITS
from cli.campaign.session import CampaignSession, campaign_session
from cli.exit_code import ExitCode
from cli.options import AccountName, AsJson, product_id
from cli.tables import table
from revio_jobs.contracts import DEFAULT_ACCOUNT

PlanOutput = Annotated[Path, typer.Option("-o", "--output", help="The new plan's file.")]


def report(
    run: RunName,
    *,
    directory: Annotated[Path, typer.Option("-o", "--output", help="Directory for the files.")],
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Write what became of each row: files in the input's form, a workbook, a page with plots."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        name = session.campaigns.resolve(run)
        unfinished = not_final(session.campaigns.view(name))
        counts = session.campaigns.report(name, directory)
        suffix = suffix_of(session.campaigns.form(name))
        rows = [(f"{group}{suffix}", f"{counts.get(group, 0):,}") for group in GROUPS]
        answer.give(
            {
                "run": name,
                "directory": str(directory),
                "rows": dict(counts),
                "final": not unfinished,
            },
            table("file", "rows", rows=rows),
            f"and report.xlsx and report.html, in {directory}",
            *([unfinished] if unfinished else []),
        )


def retry(
    run: RunName,
    *,
    output: PlanOutput,
    only: Annotated[Only, typer.Option(help="Which rows.")] = Only.TRANSIENT,
    overrides: Overrides = None,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Make a new plan of rows that failed or were not processed."""
    with campaign_session(account, as_json=as_json, wrong=ExitCode.FAILED) as (answer, session):
        name = session.campaigns.resolve(run)
        request = PlanRequest(
            output.name.removesuffix(".plan"),
            session.person(by, "").by,
            overrides=pairs("--override", overrides),
            includes_disconnected=True,
        )
        with spinner(session.progress.says, quiet=as_json):
            planned = session.campaigns.retry(name, output, only, request)
        hint = f"No row is {only}; --only takes {', '.join(Only)}."
        hint = "" if planned.summary.rows else hint
        give_plan(answer, session, planned, output, of_run=name, hint=hint)


def undo(
    run: RunName,
    *,
    output: PlanOutput,
    reason: Reason,
    left_to: Annotated[
        Path | None,
        typer.Option("--left", help="Write to FILE what is left alone, and what was billed."),
    ] = None,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Make a plan that takes back what the run wrote, where nobody has edited it since."""
    with campaign_session(account, as_json=as_json, wrong=ExitCode.FAILED) as (answer, session):
        name = session.campaigns.resolve(run)
        request = PlanRequest(output.name.removesuffix(".plan"), session.person(by, reason).by)
        with spinner(session.progress.says, quiet=as_json):
            planned, left = session.campaigns.undo(name, output, request, reason, left_to)
        give_plan(answer, session, planned, output, left=left)


def explain(
    product: Annotated[
        int, typer.Argument(metavar="PRODUCT_ID", parser=product_id, help="Customer product.")
    ],
    *,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Show every campaign and job that touched a product: old, new, who, when, why."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        touched, jobs = session.campaigns.explain(product)
        answer.give(
            explained_document(product, touched, jobs),
            *explained(product, touched, jobs, session.campaigns.terms.time),
        )


def give_plan(
    answer: Answer,
    session: CampaignSession,
    planned: Planned,
    output: Path,
    *,
    of_run: str = "",
    left: UndoReport | None = None,
    hint: str = "",
) -> NoReturn:
    """What planning came to, and its exit code. `of_run`: the run whose rows are tried again."""
    outlook = Outlook.of(session, planned)
    answer.give(
        {**plan_document(planned, outlook), **(undo_document(left) if left else {})},
        *plan_tables(planned, outlook, output, of_run=of_run),
        *(undo_tables(left) if left else ()),
        *([hint] if hint else []),
    )
    raise typer.Exit(EXITS[planned.verdict])
