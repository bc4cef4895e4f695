"""`revio lane`: pause and resume what workers take from a lane's queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from redis import Redis

from cli.answer import Answer, answering
from cli.connection import redis_of
from cli.given_once import App
from cli.operator import operator_name
from cli.options import AccountName, AsJson
from cli.tables import table
from cli.unknown_account import check_account
from revio_jobs import Lane
from revio_jobs.contracts import DEFAULT_ACCOUNT
from settings import load_redis
from worker.limiter import LanePauses, Pause, RedisLimiter
from worker.limiter.limits_drift import live_workers

app = App(help="Pause and resume lanes.", no_args_is_help=True)

SomeLanes = Annotated[list[Lane] | None, typer.Option("--lane", help="The lane; both if omitted.")]

_NO_WORKERS = (
    "no worker of the account has reported to this Redis for a minute: if some run, it is not "
    "theirs (REVIO_REDIS_URL), and they do not heed it"
)


@app.command()
def pause(
    *,
    reason: Annotated[str, typer.Option(help="Shown to everybody who asks why jobs wait.")],
    account: AccountName = DEFAULT_ACCOUNT,
    lane: SomeLanes = None,
    as_json: AsJson = False,
) -> None:
    """Stop workers from taking jobs until the lane is resumed. Running jobs go on."""
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
    with _lanes(account, as_json=as_json) as (answer, redis):
        pause = Pause(reason, operator_name(), datetime.now(UTC))
        for chosen in lane or Lane:
            LanePauses(redis).pause(account, chosen, pause)
        _give(answer, redis, account)


@app.command()
def resume(
    *, account: AccountName = DEFAULT_ACCOUNT, lane: SomeLanes = None, as_json: AsJson = False
) -> None:
    """Let workers take jobs again; also tries an account that the vendor has refused once more."""
    with _lanes(account, as_json=as_json) as (answer, redis):
        pauses = LanePauses(redis)
        ended = {one: pause for one in lane or Lane if (pause := pauses.resume(account, one))}
        try_refused_account(redis, account)
        _give(answer, redis, account, ended)


@app.command()
def show(*, account: AccountName = DEFAULT_ACCOUNT, as_json: AsJson = False) -> None:
    """Show which lanes are paused, by whom, since when and why."""
    with _lanes(account, as_json=as_json) as (answer, redis):
        _give(answer, redis, account)


def try_refused_account(redis: Redis, account: str) -> None:
    """Let a call go out, also with a login that the vendor has refused, at once."""
    from worker.soap import RedisSessionStore  # noqa: PLC0415 - the others need no SOAP

    # The login first: jobs that run in between would find it still refused.
    RedisSessionStore(redis, None).forget_refused_login(account)
    RedisLimiter(redis, {}).reopen(account)


@contextmanager
def _lanes(account: str, *, as_json: bool) -> Iterator[tuple[Answer, Redis]]:
    with answering(as_json=as_json) as answer, redis_of(load_redis()) as redis:
        check_account(redis, account)
        yield answer, redis


def _give(
    answer: Answer, redis: Redis, account: str, ended: Mapping[Lane, Pause] | None = None
) -> None:
    """`ended`: the pauses that the command has ended; whoever ran it may not have known them."""
    pauses, refusal = LanePauses(redis), RedisLimiter(redis, {}).refusal(account)
    paused = {lane: pauses.get(account, lane) for lane in Lane}
    rows = [
        (lane.value, _state(pause, refusal), pause.reason if pause else refusal)
        for lane, pause in paused.items()
    ]
    workers = [worker.name for worker in live_workers(redis, account)]
    document = {
        "account": account,
        "lanes": _documents(paused),
        "refused": refusal,
        "workers": workers,
    }
    answer.give(
        document if ended is None else {**document, "resumed": _documents(ended)},
        table("lane", "state", "why", rows=rows, title=f"lanes of {account}"),
        *(
            f"resumed: {lane.value} was {_state(pause, None)}: {pause.reason}"
            for lane, pause in (ended or {}).items()
        ),
        *([] if workers else [_NO_WORKERS]),
    )


def _documents(pauses: Mapping[Lane, Pause | None]) -> dict[str, dict[str, str] | None]:
    return {lane.value: _document(pause) if pause else None for lane, pause in pauses.items()}


def _document(pause: Pause) -> dict[str, str]:
    return {"reason": pause.reason, "by": pause.by, "since": pause.since.isoformat()}


def _state(pause: Pause | None, refusal: str | None) -> str:
    if pause:
        return f"paused by {pause.by} since {pause.since:%Y-%m-%d %H:%M} UTC"
    return "closed: the vendor refuses the account" if refusal else "not paused"
