"""`revio audit`: proves that no accepted update is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from cli.answer import answering, spinner
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.options import AsJson
from cli.tables import counted, table
from settings import load_redis
from worker.ledger import Audit, Auditor, audited_accounts


def audit(
    *,
    account: Annotated[
        str | None, typer.Option(help="Only this account; all in Redis when not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that accepted = settled + failed + waiting + running + delayed, or show what is not."""
    with answering(as_json=as_json) as answer, redis_of(load_redis()) as redis:
        with spinner("looking at every job of the ledger"):
            names = [account] if account else audited_accounts(redis)
            audits = {name: Auditor(redis, name).audit() for name in names}
        document = {name: _document(each) for name, each in audits.items()}
        shown = [part for name, each in audits.items() for part in _tables(name, each)]
        balances = all(each.balances for each in audits.values())
        answer.give(
            {"balances": balances, "accounts": document},
            *(shown or ["no update has been accepted yet"]),
        )
        if not balances:
            raise typer.Exit(ExitCode.FAILED)


def _document(found: Audit) -> dict[str, Any]:
    balance = found.balance
    derived = {name: getattr(balance, name) for name in ("settled", "failed", "missing")}
    return {
        "balances": found.balances,
        **asdict(balance),
        **derived,
        "not_accepted_yet": found.not_accepted_yet,
        "findings": {wrong: asdict(each) for wrong, each in found.findings.items()},
    }


def _tables(account: str, found: Audit) -> Iterator[RenderableType]:
    balance = found.balance
    how = ", ".join(f"{how} {count}" for how, count in balance.ended.items())
    rows = (
        ("accepted", balance.accepted, None),
        ("settled", balance.settled, how),
        (
            "failed",
            balance.failed,
            f"{counted(balance.dead_letters, 'dead letter')} kept: revio dead",
        ),
        ("waiting", balance.waiting, None),
        ("running", balance.running, None),
        ("delayed", balance.delayed, "until the next attempt, or until the product is free"),
        ("missing", balance.missing, None),
        ("raw messages", found.not_accepted_yet, "accepted when a worker takes them"),
    )
    verdict = "it balances" if found.balances else "it does not balance"
    yield table("jobs", "count", "", rows=rows, title=f"account {account}: {verdict}")
    if found.findings:
        wrong = (
            (says, each.count, ", ".join(each.examples[:3]))
            for says, each in found.findings.items()
        )
        yield table("does not add up", "count", "such as", rows=wrong)
