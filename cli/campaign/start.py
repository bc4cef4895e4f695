"""`revio campaign apply`."""

from __future__ import annotations

import time
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from campaigns import RunRequest
from campaigns.business_time import BusinessTime
from campaigns.run.spec import RunSpec
from campaigns.start import parse_canary
from campaigns.terms import HaltRules
from cli.campaign.approval import PlanPath
from cli.campaign.options import By, sending_hours, start_time
from cli.campaign.run_tables import run_document, run_tables
from cli.campaign.session import campaign_session
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
        str | None,
        typer.Option(help="Stages, each read back before the next, such as 25,500,rest."),
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Maximum calls per minute.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Begin then: 2026-06-01T22:00 in the business's time zone, or now; if omitted, on "
            "the plan's effective date."
        ),
    ] = None,
    within: Annotated[
        str | None, typer.Option("--window", help="Send only at this time of day: 22:00-06:00.")
    ] = None,
    priority: Annotated[
        Priority | None, typer.Option(help="Among campaigns; normal if omitted.")
    ] = None,
    halt_errors: Annotated[
        float | None, typer.Option(min=0, max=100, help="Halt at more failed rows, in per cent.")
    ] = None,
    halt_drift: Annotated[
        float | None, typer.Option(min=0, max=100, help="Halt at more drifted rows, in per cent.")
    ] = None,
    halt_after: Annotated[
        int | None, typer.Option(min=1, help="Rows that must have ended before rates count.")
    ] = None,
    halt_differences: Annotated[
        int | None, typer.Option(min=0, help="Halt at more rows that read back otherwise.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Kept in the audit log.")] = "",
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Begin an approved plan's run, or attach to it; the workers carry it out, not this command."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        plan = session.campaigns.open(path)
        terms = session.campaigns.terms
        limits = (halt_errors, halt_drift, halt_after, halt_differences)
        began = session.campaigns.apply(
            plan,
            RunRequest(
                session.person(by, "").by,
                reason,
                None if canary is None else parse_canary(canary),
                _halt(terms.halt, *limits),
                None if start is None else start_time(start, terms.time),
                sending_hours(within, terms.zone),
                rate,
                priority,
            ),
        )
        view = session.campaigns.view(plan.run)
        begins = f"begins {_when(view.state.spec, terms.time)}"
        verdict = begins if began else "had begun before; nothing is done twice"
        answer.give(
            {**run_document(view, None), "began": began},
            f"run {plan.run} {verdict}. Next: revio campaign watch {plan.run}",
            *run_tables(view, None),
        )


def _halt(
    usual: HaltRules,
    errors: float | None,
    drift: float | None,
    after: int | None,
    differences: int | None,
) -> HaltRules | None:
    """The halt rules with those of the options; None if no option is given."""
    limits = {
        "errors_percent": errors,
        "drift_percent": drift,
        "after": after,
        "differences": differences,
    }
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return replace(usual, **given) if given else None  # type: ignore[arg-type]


def _when(spec: RunSpec, zone: BusinessTime) -> str:
    opens_at = spec.opens_at(now := time.time())
    return f"at {zone.show(opens_at)}" if opens_at > now else "now"
