"""`revio audit`: proves that no accepted update is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from cli.answer import answering, spinner
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.options import AsJson
from cli.tables import counted, table, when
from cli.unknown_account import check_account
from settings import load_redis
from worker.ledger import Audit, Auditor, Withdrawal, audited_accounts, latest_withdrawals

_SHOWN_WITHDRAWALS = 10


def audit(
    *,
    account: Annotated[
        str | None, typer.Option(help="Only this account; all in Redis if omitted.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that accepted = settled + failed + waiting + running + delayed, or show what is not."""
    with answering(as_json=as_json) as answer, redis_of(load_redis()) as redis:
        if account is not None:
            check_account(redis, account)
        with spinner("looking at every job of the ledger"):
            names = [account] if account is not None else audited_accounts(redis)
            audits = {name: Auditor(redis, name).audit() for name in names}
            withdrawals = {
                name: latest_withdrawals(redis, name, _SHOWN_WITHDRAWALS) for name in names
            }
        document = {name: _document(result, withdrawals[name]) for name, result in audits.items()}
        tables = [
            part
            for name, result in audits.items()
            for part in (*_tables(name, result), *_withdrawal_tables(withdrawals[name]))
        ]
        balances = all(result.balances for result in audits.values())
        answer.give(
            {"balances": balances, "accounts": document},
            *(tables or ["no update has been accepted yet"]),
        )
        if not balances:
            raise typer.Exit(ExitCode.FAILED)


def _document(result: Audit, withdrawals: Iterable[Withdrawal]) -> dict[str, Any]:
    balance = result.balance
    derived = {
        "settled": balance.succeeded,
        "failed": balance.failed,
        "missing": balance.missing,
    }
    return {
        "balances": result.balances,
        **asdict(balance),
        **derived,
        "not_accepted_yet": result.not_accepted_yet,
        "findings": {title: asdict(entry) for title, entry in result.discrepancies.items()},
        "withdrawals": [asdict(entry) | {"at": entry.at.isoformat()} for entry in withdrawals],
    }


def _withdrawal_tables(withdrawals: Sequence[Withdrawal]) -> Iterator[RenderableType]:
    if withdrawals:
        rows = (
            (when(entry.at), entry.by, entry.withdrawn, entry.kept, entry.selection, entry.reason)
            for entry in withdrawals
        )
        columns = ("withdrawn", "by", "updates", "not touched", "selection", "reason")
        yield table(*columns, rows=rows, title="latest withdrawals")


def _tables(account: str, result: Audit) -> Iterator[RenderableType]:
    balance = result.balance
    outcomes = ", ".join(f"{outcome} {count}" for outcome, count in balance.ended.items())
    counts = (
        ("accepted", balance.accepted, None),
        ("settled", balance.succeeded, outcomes),
        (
            "failed",
            balance.failed,
            f"{counted(balance.dead_letters, 'dead letter')} kept: revio dead",
        ),
        ("waiting", balance.waiting, None),
        ("running", balance.running, None),
        ("delayed", balance.delayed, "until the next attempt, or until the product is free"),
        ("missing", balance.missing, None),
        ("raw messages", result.not_accepted_yet, "accepted when a worker takes them"),
    )
    verdict = "it balances" if result.balances else "it does not balance"
    yield table("jobs", "count", "", rows=counts, title=f"account {account}: {verdict}")
    if result.discrepancies:
        rows = (
            (title, entry.count, ", ".join(entry.examples[:3]))
            for title, entry in result.discrepancies.items()
        )
        yield table("does not add up", "count", "such as", rows=rows)
