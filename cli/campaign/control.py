"""`revio campaign pause`, `resume`, `cancel` and `set`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer

from campaigns import CampaignError, Campaigns, Person
from campaigns.run.request import AT_ONCE, check_priority, check_rate
from campaigns.start import check_start
from cli.campaign.options import By, Reason, RunName, pairs, start_time
from cli.campaign.run_tables import next_steps, run_document, run_tables
from cli.campaign.session import campaign_session
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
    _decide(run, (by, reason), account, Campaigns.pause, as_json=as_json)


def resume(
    run: RunName,
    *,
    reason: Reason,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Go on after a pause or a halt."""
    _decide(run, (by, reason), account, Campaigns.resume, as_json=as_json)


def cancel(
    run: RunName,
    *,
    reason: Reason,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """End the run for good; what was applied stays, and `undo` can take it back."""
    _decide(run, (by, reason), account, Campaigns.cancel, as_json=as_json)


def set_(
    run: RunName,
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=VALUE",
            help="rate=300, rate=none, priority=high, start=2026-06-01T22:00, start=now.",
        ),
    ],
    *,
    reason: Reason,
    by: By = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Change a run's rate, its priority among campaigns or its start while it goes on."""

    def change(campaigns: Campaigns, name: str, who: Person) -> None:
        given = pairs("NAME=VALUE", settings)
        # All are read before the first is changed.
        for decide in [_setting(campaigns, *pair) for pair in given.items()]:
            decide(name, who)

    _decide(run, (by, reason), account, change, as_json=as_json)


def _setting(campaigns: Campaigns, setting: str, value: str) -> Callable[[str, Person], None]:
    match setting:
        case "rate":
            rate = rate_of(value)
            return lambda run, who: campaigns.set_rate(run, rate, who)
        case "priority":
            check_priority(value)
            return lambda run, who: campaigns.set_priority(run, value, who)
        case "start":
            at = start_time(value, campaigns.terms.time)
            if at != AT_ONCE:
                check_start(at, campaigns.terms, time.time())
            return lambda run, who: campaigns.set_start(run, at, who)
        case _:
            raise CampaignError(f"{setting!r} cannot be set; rate, priority and start can")


def _decide(
    run: str,
    who: tuple[str | None, str],
    account: str,
    decision: Callable[[Campaigns, str, Person], str | None],
    *,
    as_json: bool,
) -> None:
    """`who`: what `--by` and `--reason` say.

    `decision` returns what it has ended, if anything; whoever decided may not have read that.
    """
    with campaign_session(account, as_json=as_json) as (answer, session):
        name = session.campaigns.resolve(run)
        ended = decision(session.campaigns, name, session.person(*who))
        view = session.campaigns.view(name)
        document = {**run_document(view, None), "next": next_steps(view)}
        lines = [f"resumed: it was {ended}"] if ended else []
        if ended:
            document["resumed"] = ended
        answer.give(document, *lines, *run_tables(view, None), next_steps(view))


def rate_of(text: str) -> float | None:
    """Calls per minute, or None for as many as there are. Raises CampaignError."""
    if text == "none":
        return None
    try:
        rate = float(text)
    except ValueError:
        raise CampaignError(f"rate={text}: give calls per minute, or none") from None
    check_rate(rate)
    return rate
