"""The producer's commands: query, update, result."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.answer import Answer, answering, complain, spinner
from cli.exit_code import ExitCode
from cli.jobs.connection import Connection, connected
from cli.jobs.job_status import JobStatus, State
from cli.jobs.job_tables import status_tables
from cli.options import (
    AccountName,
    AsJson,
    InLane,
    Texts,
    TimeoutS,
    expectations,
    names,
    numbers,
    product_id,
)
from revio_jobs import JobHandle, Lane
from revio_jobs.contracts import DEFAULT_ACCOUNT, job_id_of, queue_name

_PATIENCE_S = 60.0


def query(
    *,
    ids: Annotated[Texts, typer.Option("--id", help="Customer product; repeat or list.")] = None,
    customers: Annotated[Texts, typer.Option("--customer", help="Rev.io's customer id.")] = None,
    lines: Annotated[Texts, typer.Option("--line", help="Rev.io's line id.")] = None,
    max_age: Annotated[int, typer.Option(help="Seconds that the answer may be old.")] = 0,
    account: AccountName = DEFAULT_ACCOUNT,
    lane: InLane = Lane.INTERACTIVE,
    timeout: TimeoutS = _PATIENCE_S,
    as_json: AsJson = False,
) -> None:
    """Read customer products: --id 5001,5002 or --customer 1001 or --line 30001."""
    with answering(as_json=as_json) as answer, connected() as connection:
        handle = connection.jobs.query(
            ids=numbers("--id", ids),
            customer_ids=numbers("--customer", customers),
            line_ids=numbers("--line", lines),
            max_age=max_age,
            account=account,
            lane=lane,
        )
        _show(answer, _wait(connection, handle, timeout), lane)


def update(
    product: Annotated[
        int, typer.Argument(metavar="ID", parser=product_id, help="Customer product.")
    ],
    *,
    rate: Annotated[str | None, typer.Option(help="New rate, such as 12.50.")] = None,
    quantity: Annotated[int | None, typer.Option(help="New quantity.")] = None,
    description: Annotated[str | None, typer.Option(help="New description.")] = None,
    code1: Annotated[str | None, typer.Option("--code1", help="New product code 1.")] = None,
    code2: Annotated[str | None, typer.Option("--code2", help="New product code 2.")] = None,
    activated_date: Annotated[str | None, typer.Option(help="Such as 2026-01-31.")] = None,
    disconnect_date: Annotated[str | None, typer.Option(help="Such as 2026-01-31.")] = None,
    do_not_prorate: Annotated[
        bool | None,
        typer.Option(
            "--do-not-prorate/--prorate", help="Override proration; if omitted, it stays."
        ),
    ] = None,
    clear: Annotated[Texts, typer.Option(help="Field to empty; repeat or list.")] = None,
    expect: Annotated[
        Texts,
        typer.Option(help="FIELD=VALUE that must still hold, or nothing is sent; may be repeated."),
    ] = None,
    skip_unchanged: Annotated[
        bool,
        typer.Option(
            "--skip-unchanged", help="Read first; send nothing if it would change nothing."
        ),
    ] = False,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same key is never executed twice.")
    ] = None,
    account: AccountName = DEFAULT_ACCOUNT,
    lane: InLane = Lane.INTERACTIVE,
    wait: Annotated[bool, typer.Option(help="Wait for the outcome.")] = True,
    timeout: TimeoutS = _PATIENCE_S,
    as_json: AsJson = False,
) -> None:
    """Change one customer product. What is not named stays as it is."""
    changes: dict[str, Any] = {
        "rate": rate,
        "quantity": quantity,
        "description": description,
        "code1": code1,
        "code2": code2,
        "activated_date": activated_date,
        "disconnect_date": disconnect_date,
        "do_not_prorate": do_not_prorate,
    }
    with answering(as_json=as_json) as answer, connected() as connection:
        handle = connection.jobs.update(
            id=product,
            idempotency_key=key,
            clear=names(clear),
            expected=expectations(expect) if expect else None,
            skip_unchanged=skip_unchanged,
            account=account,
            lane=lane,
            **{name: value for name, value in changes.items() if value is not None},
        )
        if wait:
            status = _wait(connection, handle, timeout)
        else:
            status = connection.lookup.status(account, handle.job_id)
        _show(answer, status, lane, is_expected_to_run=not wait)


def result(
    job_id: Annotated[str | None, typer.Argument(help="The job's id.")] = None,
    *,
    key: Annotated[str | None, typer.Option(help="The update's idempotency key instead.")] = None,
    account: AccountName = DEFAULT_ACCOUNT,
    timeout: TimeoutS = 0,
    as_json: AsJson = False,
) -> None:
    """Show how far a job has come, and its result or error once it has ended."""
    if (job_id is None) == (key is None) or "" in {job_id, key}:
        raise typer.BadParameter("give either a job's id or --key", param_hint="JOB_ID")
    with answering(as_json=as_json) as answer, connected() as connection:
        wanted = job_id_of(account, key) if key is not None else str(job_id)
        status = connection.lookup.status(account, wanted)
        if timeout and status.state in {State.WAITING, State.RUNNING, State.UNKNOWN}:
            handle = connection.lookup.handle(account, wanted)
            status = _wait(connection, handle, timeout)
        _show(answer, status)


def _wait(connection: Connection, handle: JobHandle[Any], timeout_s: float) -> JobStatus:
    with spinner(f"waiting for job {handle.job_id}"):
        return connection.lookup.wait(handle, timeout_s)


def _show(
    answer: Answer, status: JobStatus, lane: Lane | None = None, *, is_expected_to_run: bool = False
) -> None:
    """Raises typer.Exit unless all is well."""
    answer.give(status.document(), *status_tables(status))
    if is_expected_to_run and status.exit_code is ExitCode.RUNNING:
        return
    match status.state:
        case State.WAITING if lane:
            queue = queue_name(status.account, lane)
            complain(f"no worker has taken the job from {queue} yet; ask later: {_again(status)}")
        case State.WAITING | State.RUNNING:
            complain(f"the job has not ended yet; ask later: {_again(status)}")
        case State.UNKNOWN:
            complain(
                f"no job {status.job_id} is known to account {status.account}: wrong id or "
                "account, a result that has expired, or a query that has not ended yet"
            )
        case _ if status.error is not None:
            says = str(status.error)
            complain(says if status.job_id in says else f"job {status.job_id}: {says}")
    if status.exit_code:
        raise typer.Exit(status.exit_code)


def _again(status: JobStatus) -> str:
    elsewhere = "" if status.account == DEFAULT_ACCOUNT else f" --account {status.account}"
    return f"revio result {status.job_id}{elsewhere}"
