"""`revio withdraw`: take back updates that wait, many at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from celery import Celery
from redis import Redis
from rich.console import RenderableType

from cli.answer import answering, complain, spinner
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.operator import operator_name
from cli.options import AccountName, AsJson
from cli.producer import app_of
from cli.tables import counted, table, when
from cli.unknown_account import check_account
from revio_jobs import Lane
from revio_jobs.contracts import DEFAULT_ACCOUNT
from revio_jobs.message import encode_message
from settings import Settings, load
from worker.celery_app.result_backend import backend_url
from worker.ledger import RedisLedger, Selection, WaitingUpdate, Withdrawals
from worker.wiring.ledger import ledger_times

_SHOWN = 50
_AGE = re.compile(r"(\d+)([smhd])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Jobs = Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Ids of jobs.")]
Keys = Annotated[
    list[str] | None, typer.Option("--key", help="An idempotency key; may be repeated.")
]
KeysFrom = Annotated[
    Path | None,
    typer.Option("--keys-from", help="A text file with one idempotency key per line.", exists=True),
]
SomeLanes = Annotated[
    list[Lane] | None, typer.Option("--lane", help="All waiting updates of this lane.")
]
Age = Annotated[
    str | None,
    typer.Option("--older-than", help="Only those accepted this long ago or longer: 90s, 2h, 1d."),
]
Reason = Annotated[
    str | None, typer.Option(help="Why; their callers are told, and it is kept. Needed with --yes.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Withdraw them. Without it they are only shown.")]


def withdraw(
    jobs: Jobs = None,
    *,
    key: Keys = None,
    keys_from: KeysFrom = None,
    lane: SomeLanes = None,
    older_than: Age = None,
    reason: Reason = None,
    yes: Yes = False,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Withdraw waiting updates, by key, file of keys, lane or age.

    They end as Withdrawn; those that were sent are reported and not touched. Without --yes nothing
    is changed: the updates are only shown.
    """
    selection = _selection(jobs, [*(key or ()), *_keys_of(keys_from)], lane, older_than)
    if yes and not (reason and reason.strip()):
        raise typer.BadParameter("say why", param_hint="--reason")
    with answering(as_json=as_json) as answer:
        settings = load()
        with redis_of(settings) as redis, app_of(settings) as app:
            check_account(redis, account)
            # As workers store results, and for as long.
            app.conf.result_backend = backend_url(settings.redis_url.get_secret_value())
            app.conf.result_expires = settings.result_retention_s
            run = _Run(_withdrawals(settings, redis, app, account), selection, app)
            with spinner("withdrawing" if yes else "looking"):
                run.select(accept_raw=yes)
                if yes:
                    run.withdraw(str(reason), operator_name())
        answer.give(run.document(account, done=yes), *run.tables(done=yes))
        if selection.names_jobs and run.kept:
            complain(f"{counted(len(run.kept), 'update')} cannot be withdrawn")
            raise typer.Exit(ExitCode.FAILED)


class _Run:
    """What is to be withdrawn, and what is left."""

    def __init__(self, withdrawals: Withdrawals, selection: Selection, app: Celery) -> None:
        self._withdrawals = withdrawals
        self._selection = selection
        self._app = app
        self.taken: list[WaitingUpdate] = []
        self.kept: list[tuple[WaitingUpdate, str]] = []
        self.raw = 0

    def select(self, *, accept_raw: bool) -> None:
        """Find the updates, without withdrawing anything."""
        if accept_raw:
            self._withdrawals.accept_raw(self._selection)
        else:
            self.raw = self._withdrawals.count_raw(self._selection)
        for update in self._withdrawals.find(self._selection):
            if update.kept_because:
                self.kept.append((update, update.kept_because))
            else:
                self.taken.append(update)

    def withdraw(self, reason: str, by: str) -> None:
        """End those that can be; what a worker takes in this moment is left to it."""
        wanted, self.taken = self.taken, []
        try:
            for update in wanted:
                if error := self._withdrawals.withdraw(update, reason, by):
                    self.taken.append(update)
                    # For callers that wait with Celery alone.
                    self._app.backend.mark_as_failure(update.job_id, error)
                else:
                    self.kept.append((update, "a worker has taken it in the meantime"))
        finally:
            self._withdrawals.record(
                self._selection, reason, by, withdrawn=len(self.taken), kept=len(self.kept)
            )

    def document(self, account: str, *, done: bool) -> dict[str, Any]:
        """JSON values."""
        taken = [_document(update) for update in self.taken]
        kept = [_document(update) | {"reason": why} for update, why in self.kept]
        name = "withdrawn" if done else "would_be_withdrawn"
        raw = {} if done else {"raw_messages": self.raw}
        return {"account": account, name: taken, "kept": kept, **raw}

    def tables(self, *, done: bool) -> Iterator[RenderableType]:
        """For people."""
        count = counted(len(self.taken) + self.raw, "update")
        yield f"{count} withdrawn" if done else f"{count} would be withdrawn; --yes does it"
        if self.raw:
            yield f"{self.raw:,} of them were sent without the client, and no worker has seen them"
        if self.taken:
            rows = (_row(update) for update in self.taken[:_SHOWN])
            yield table("key", "product", "lane", "accepted", "job", rows=rows)
        if self.kept:
            rows = ((*_row(update), why) for update, why in islice(self.kept, _SHOWN))
            title = f"{counted(len(self.kept), 'update')} not touched"
            columns = ("key", "product", "lane", "accepted", "job", "finding")
            yield table(*columns, rows=rows, title=title)


def _withdrawals(settings: Settings, redis: Redis, app: Celery, account: str) -> Withdrawals:
    ledger = RedisLedger(redis, ledger_times(settings), partial(encode_message, app))
    return Withdrawals(redis, ledger, account)


def _selection(
    jobs: list[str] | None, keys: list[str], lanes: list[Lane] | None, older_than: str | None
) -> Selection:
    """Raises typer.BadParameter unless it is clear which are meant."""
    named, filtered = bool(jobs or keys), bool(lanes or older_than)
    if named == filtered:
        raise typer.BadParameter(
            "name either jobs or keys, or give --lane or --older-than", param_hint="JOB"
        )
    return Selection(
        tuple(dict.fromkeys(keys)),
        tuple(dict.fromkeys(jobs or ())),
        tuple(lanes or Lane),
        _seconds(older_than) if older_than else 0.0,
    )


def _keys_of(path: Path | None) -> list[str]:
    """One per line; a key may hold anything but a line break."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise typer.BadParameter(f"{path}: {exc}", param_hint="--keys-from") from exc
    return [line for line in lines if line.strip()]


def _seconds(text: str) -> float:
    matched = _AGE.fullmatch(text)
    if matched is None:
        raise typer.BadParameter(
            f"{text!r} is not a number with s, m, h or d", param_hint="--older-than"
        )
    return float(int(matched[1]) * _UNITS_S[matched[2]])


def _document(update: WaitingUpdate) -> dict[str, Any]:
    accepted_at = update.accepted_at and datetime.fromtimestamp(update.accepted_at, UTC).isoformat()
    return {
        "job_id": update.job_id,
        "idempotency_key": update.key,
        "product_id": update.product_id,
        "lane": update.lane and update.lane.value,
        "accepted_at": accepted_at,
    }


def _row(update: WaitingUpdate) -> tuple[object, ...]:
    accepted_at = update.accepted_at and when(datetime.fromtimestamp(update.accepted_at, UTC))
    lane = update.lane and update.lane.value
    return update.key, update.product_id, lane, accepted_at, update.job_id
