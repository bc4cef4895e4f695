"""`revio campaign apply`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from campaigns import RunRequest
from campaigns.start import parse_canary
from campaigns.terms import HaltRules
from cli.campaign.approval import PlanPath
from cli.campaign.options import By, moment, window
from cli.campaign.run_tables import run_document, run_tables
from cli.campaign.session import campaign_session, person
from cli.options import AccountName, AsJson
from revio_jobs.contracts import DEFAULT_ACCOUNT


class Priority(StrEnum):
    """Among campaigns."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


def apply(
    path: PlanPath,
    *,
    canary: Annotated[
        str, typer.Option(help="Sizes of stages; each is read back before the next.")
    ] = "rest",
    rate: Annotated[float | None, typer.Option(min=0.1, help="Calls a minute at most.")] = None,
    start: Annotated[
        str | None, typer.Option(help="Begin then: 2026-06-01T22:00 in the account's time zone.")
    ] = None,
    within: Annotated[
        str | None, typer.Option("--window", help="Send only at this time of day: 22:00-06:00.")
    ] = None,
    priority: Annotated[Priority, typer.Option(help="Among campaigns.")] = Priority.NORMAL,
    halt_errors: Annotated[
        float | None, typer.Option(min=0, max=100, help="Per cent of failed rows to halt at.")
    ] = None,
    halt_drift: Annotated[
        float | None, typer.Option(min=0, max=100, help="Per cent of drifted rows to halt at.")
    ] = None,
    halt_after: Annotated[
        int | None, typer.Option(min=1, help="Rows that must have ended before rates count.")
    ] = None,
    halt_differences: Annotated[
        int, typer.Option(min=0, help="Rows that may read back otherwise than planned.")
    ] = 0,
    reason: Annotated[str, typer.Option(help="Kept in the audit log.")] = "",
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Begin an approved plan's run, or attach to it; the workers carry it out, not this command."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        plan = session.campaigns.open(path)
        terms = session.campaigns.terms
        halt = terms.halt
        given = HaltRules(
            halt.errors_percent if halt_errors is None else halt_errors,
            halt.drift_percent if halt_drift is None else halt_drift,
            halt_after or halt.after,
            halt_differences,
        )
        began = session.campaigns.apply(
            plan,
            RunRequest(
                person(by, "").by,
                reason,
                parse_canary(canary),
                given,
                moment("--start", start, terms.zone),
                window(within, terms.zone),
                rate,
                priority,
            ),
        )
        view = session.campaigns.view(plan.run)
        said = "begins" if began else "had begun before; nothing is done twice"
        answer.give(
            {**run_document(view, None), "began": began},
            f"run {plan.run} {said}. Next: revio campaign watch {plan.run}",
            *run_tables(view, None),
        )
