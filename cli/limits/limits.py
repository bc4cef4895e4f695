"""`revio limits`: what is used and left of the vendor's calls, and whether the limits held."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer
from redis import Redis
from rich.console import Console, Group
from rich.live import Live

from cli.account_limits import AccountLimits
from cli.answer import answering, complain
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.given_once import App
from cli.limits.limits_proof import proof_document, proof_tables
from cli.options import AsJson
from cli.unknown_account import unknown_account
from settings import Settings, load
from worker.limiter.call_record import CallRecord, prove
from worker.wiring.limits import limit_rules, open_limiter

_WATCH_S = 1.0
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

app = App(help="Show what is used and left of the calls, and who spent them.")

OneAccount = Annotated[str | None, typer.Option("--account", help="Only this account.")]


@app.callback(invoke_without_command=True)
def limits(
    context: typer.Context,
    *,
    account: OneAccount = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every second.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is used and left of the calls, and who spent them."""
    if context.invoked_subcommand:
        if account is not None or watch or as_json:
            raise typer.BadParameter(
                f"give options behind the command: revio limits {context.invoked_subcommand} …"
            )
        return
    if watch and as_json:
        raise typer.BadParameter("it is for people, --json for programs", param_hint="--watch")
    with answering(as_json=as_json) as answer, _accounts(account) as (settings, redis, names):
        if watch:
            _watch(settings, redis, names)
            return
        accounts = _read(settings, redis, names)
        document = {limits.account: limits.document() for limits in accounts}
        answer.give(
            {"accounts": document}, *(table for limits in accounts for table in limits.tables())
        )


@app.command()
def verify(
    *,
    account: OneAccount = None,
    since: Annotated[
        str | None, typer.Option(help="How far back, such as 90m or 12h; if omitted, all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay the record of calls: did any 60 seconds or any day hold more than allowed?"""
    back_s = _span(since)
    with answering(as_json=as_json) as answer, _accounts(account) as (settings, redis, names):
        start = 0.0 if back_s is None else max(float(redis.time()[0]) - back_s, 0.0)
        proofs = {
            name: prove(
                CallRecord(redis, name).entries(start), limit_rules(settings.accounts[name])
            )
            for name in names
        }
        documents = {name: proof_document(proof) for name, proof in proofs.items()}
        answer.give({"accounts": documents}, *proof_tables(proofs))
        broken = [name for name, proof in proofs.items() if not proof.limits_held]
        if broken:
            complain(f"the limits did not hold: {', '.join(broken)}")
            raise typer.Exit(ExitCode.FAILED)


@contextmanager
def _accounts(account: str | None) -> Iterator[tuple[Settings, Redis, list[str]]]:
    settings = load()
    if account is not None and account not in settings.accounts:
        with redis_of(settings) as redis:
            said = unknown_account(redis, account, settings.accounts)
        raise typer.BadParameter(said, param_hint="--account")
    with redis_of(settings) as redis:
        yield settings, redis, [account] if account else list(settings.accounts)


def _read(settings: Settings, redis: Redis, names: list[str]) -> list[AccountLimits]:
    limiter = open_limiter(settings, redis)
    return [
        AccountLimits.read(redis, limiter, name, limit_rules(settings.accounts[name]))
        for name in names
    ]


def _watch(settings: Settings, redis: Redis, names: list[str]) -> None:
    """Until Ctrl-C."""
    console = Console(markup=False, highlight=False, emoji=False)
    with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            accounts = _read(settings, redis, names)
            live.update(
                Group(*(table for limits in accounts for table in limits.tables())), refresh=True
            )
            time.sleep(_WATCH_S)


def _span(text: str | None) -> float | None:
    """Seconds. Raises typer.BadParameter."""
    if text is None:
        return None
    if not (match := re.fullmatch(r"(\d{1,6})([smhd])", text)):
        raise typer.BadParameter(f"{text!r}: give a time such as 90m", param_hint="--since")
    return float(match[1]) * _SECONDS[match[2]]
