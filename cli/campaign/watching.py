"""`revio campaign watch` and `list`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live

from campaigns.results.eta import eta
from campaigns.run.state import Status
from campaigns.store import RunView
from cli.answer import Answer
from cli.campaign.options import RunName
from cli.campaign.run_tables import (
    calls_line,
    decision_table,
    list_table,
    next_steps,
    one_line,
    run_document,
    run_tables,
    top_errors,
)
from cli.campaign.session import CampaignSession, campaign_session
from cli.exit_code import ExitCode
from cli.options import AccountName, AsJson
from revio_jobs.contracts import DEFAULT_ACCOUNT

_LIVE_S = 0.5
_PLAIN_S = 5.0


def watch(
    run: RunName,
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once, and exit.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0, help="Seconds to watch.")] = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Follow a run until it ends, halts or is paused; closing this changes nothing."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        name = session.campaigns.resolve(run)
        give_up = 0.0 if once else time.monotonic() + (timeout if timeout is not None else 1e9)
        view = session.campaigns.view(name)
        if not once and not as_json:
            view = _follow(session, name, give_up)
        while as_json and view.goes_on and time.monotonic() < give_up:
            time.sleep(_LIVE_S)
            view = session.campaigns.view(name)
        _give(answer, session, view)
        raise typer.Exit(_exit_code(view))


def list_(*, account: AccountName = DEFAULT_ACCOUNT, as_json: AsJson = False) -> None:
    """Show the 50 newest runs and all others that have not ended, the newest first."""
    with campaign_session(account, as_json=as_json) as (answer, session):
        runs = session.campaigns.runs()
        document = {
            "runs": [run_document(view, None) for view in runs.views],
            "unreadable": list(runs.unreadable),
        }
        answer.give(document, list_table(runs.views), *runs.what_is_unreadable())


def _follow(session: CampaignSession, run: str, give_up: float) -> RunView:
    if sys.stdout.isatty():
        with Live(console=Console(highlight=False), refresh_per_second=4, transient=True) as live:
            for view in _views(session, run, _LIVE_S, give_up):
                live.update(Group(*_tables(session, view)))
            return view
    shown_line = ""
    for view in _views(session, run, _PLAIN_S, give_up):
        if (line := one_line(view, eta(view, session.budget()))) != shown_line:
            shown_line = line
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    return view


def _views(session: CampaignSession, run: str, pause_s: float, give_up: float) -> Iterator[RunView]:
    """Views of the run, at least one; ends when the run does not go on or the time is over."""
    while True:
        view = session.campaigns.view(run)
        yield view
        if not view.goes_on or time.monotonic() >= give_up:
            return
        time.sleep(min(pause_s, max(give_up - time.monotonic(), 0.01)))


def _give(answer: Answer, session: CampaignSession, view: RunView) -> None:
    budget, run = session.budget(), view.state.spec.run
    decisions = session.campaigns.audit(run)
    document = {
        **run_document(view, eta(view, budget)),
        "calls_last_minute": budget.last_minute,
        "bulk_calls_left_today": budget.left_today,
        "top_errors": dict(top_errors(view)),
        "audit": [asdict(decision) for decision in decisions],
    }
    table = decision_table(decisions, session.campaigns.terms.time)
    answer.give(document, *_tables(session, view), table, next_steps(view))


def _tables(session: CampaignSession, view: RunView) -> list[RenderableType]:
    budget = session.budget()
    return [*run_tables(view, eta(view, budget)), calls_line(budget)]


def _exit_code(view: RunView) -> ExitCode:
    match view.state.status:
        case Status.DONE:
            return ExitCode.OK
        case Status.RUNNING | Status.PAUSED:
            return ExitCode.RUNNING
        case _:
            return ExitCode.FAILED
