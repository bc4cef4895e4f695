"""`revio campaign pause`, `resume`, `cancel` and `set`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from campaigns import CampaignError, Campaigns, Person
from cli.campaign.options import By, Reason, RunName, pairs
from cli.campaign.run_tables import run_document, run_tables
from cli.campaign.session import campaign_session, person
from cli.options import AccountName, AsJson
from revio_jobs.contracts import DEFAULT_ACCOUNT


def pause(
    run: RunName,
    *,
    reason: Reason,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Send nothing more of the run, within seconds, until it is resumed."""
    _decide(run, person(by, reason), account, Campaigns.pause, as_json=as_json)


def resume(
    run: RunName,
    *,
    reason: Reason,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Go on after a pause or a halt."""
    _decide(run, person(by, reason), account, Campaigns.resume, as_json=as_json)


def cancel(
    run: RunName,
    *,
    reason: Reason,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """End the run for good; what was applied stays, and `undo` can take it back."""
    _decide(run, person(by, reason), account, Campaigns.cancel, as_json=as_json)


def set_(
    run: RunName,
    settings: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE", help="rate=300, rate=none, priority=high.")
    ],
    *,
    reason: Reason,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Change a run's rate or its priority among campaigns while it goes on."""

    def change(campaigns: Campaigns, name: str, who: Person) -> None:
        for setting, value in pairs("NAME=VALUE", settings).items():
            match setting:
                case "rate":
                    campaigns.set_rate(name, _rate(value), who)
                case "priority":
                    campaigns.set_priority(name, value, who)
                case _:
                    raise CampaignError(f"{setting!r} cannot be set; rate and priority can")

    _decide(run, person(by, reason), account, change, as_json=as_json)


def _decide(
    run: str,
    who: Person,
    account: str,
    decision: Callable[[Campaigns, str, Person], None],
    *,
    as_json: bool,
) -> None:
    with campaign_session(account, as_json=as_json) as (answer, session):
        name = session.campaigns.resolve(run)
        decision(session.campaigns, name, who)
        view = session.campaigns.view(name)
        answer.give(run_document(view, None), *run_tables(view, None))


def _rate(text: str) -> float | None:
    if text == "none":
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e9:  # noqa: PLR2004 - any finite number
        raise CampaignError(f"rate={text}: give calls a minute, or none")
    return rate
