"""`revio lane`: pause and resume what workers take from a lane's queue."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.answer import Answer, answering
from cli.connection import redis_of
from cli.options import AccountName, AsJson
from cli.tables import table
from revio_jobs import Lane
from revio_jobs.contracts import DEFAULT_ACCOUNT
from settings import load_redis
from worker.limiter import Gates, Hold

app = typer.Typer(help="Pause and resume lanes.", no_args_is_help=True)

SomeLanes = Annotated[
    list[Lane] | None, typer.Option("--lane", help="The lane; both when not given.")
]


@app.command()
def pause(
    *,
    reason: Annotated[str, typer.Option(help="Why; shown to who asks, and kept.")],
    account: AccountName = DEFAULT_ACCOUNT,
    lane: SomeLanes = None,
    as_json: AsJson = False,
) -> None:
    """Let workers take no more jobs, until resumed. Jobs that run now end."""
    with _gates(as_json=as_json) as (answer, gates):
        hold = Hold(reason, getpass.getuser(), datetime.now(UTC))
        for each in lane or Lane:
            gates.hold(account, each, hold)
        _give(answer, gates, account)


@app.command()
def resume(
    *, account: AccountName = DEFAULT_ACCOUNT, lane: SomeLanes = None, as_json: AsJson = False
) -> None:
    """Let workers take jobs again."""
    with _gates(as_json=as_json) as (answer, gates):
        for each in lane or Lane:
            gates.resume(account, each)
        _give(answer, gates, account)


@app.command()
def show(*, account: AccountName = DEFAULT_ACCOUNT, as_json: AsJson = False) -> None:
    """Which lanes are paused, by whom, since when and why."""
    with _gates(as_json=as_json) as (answer, gates):
        _give(answer, gates, account)


@contextmanager
def _gates(*, as_json: bool) -> Iterator[tuple[Answer, Gates]]:
    with answering(as_json=as_json) as answer, redis_of(load_redis()) as redis:
        yield answer, Gates(redis)


def _give(answer: Answer, gates: Gates, account: str) -> None:
    holds = {lane.value: gates.held(account, lane) for lane in Lane}
    document = {
        lane: hold and {"reason": hold.reason, "by": hold.by, "since": hold.since.isoformat()}
        for lane, hold in holds.items()
    }
    rows = [(lane, _state(hold), hold.reason if hold else None) for lane, hold in holds.items()]
    answer.give(
        {"account": account, "lanes": document},
        table("lane", "state", "why", rows=rows, title=f"lanes of {account}"),
    )


def _state(hold: Hold | None) -> str:
    return f"paused by {hold.by} since {hold.since:%Y-%m-%d %H:%M} UTC" if hold else "open"
