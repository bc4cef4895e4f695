"""The screen of `revio status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from cli.status.account_status import AccountStatus, LaneStatus
from cli.status.concern import Concern
from cli.tables import counted, span, table


def status_tables(
    accounts: Sequence[AccountStatus], concerns: Sequence[Concern]
) -> Iterator[RenderableType]:
    """The accounts one after the other, and then what needs a person."""
    for account in accounts:
        yield _summary(account)
        yield _lanes(account.lanes)
        if account.runs:
            yield _runs(account)
    if not concerns:
        yield "nothing needs a person"
        return
    yield f"{counted(len(concerns), 'thing')} {'needs' if len(concerns) == 1 else 'need'} a person:"
    for concern in concerns:
        where = f"{concern.account}, {concern.about}" if concern.account else concern.about
        yield f"- {where}: {concern.says}\n  {concern.fix}"


def _summary(account: AccountStatus) -> str:
    usage, balance = account.limits.usage, account.balance
    workers = ", ".join(worker.name for worker in account.workers)
    return (
        f"account {account.account}: {account.limits.state}\n"
        f"calls    {usage.minute_used:,} of {usage.minute_limit:,} in the last minute, "
        f"{usage.day_used:,} of {usage.day_limit:,} today\n"
        f"workers  {workers or 'none has reported for a minute'}\n"
        f"updates  {balance.waiting:,} waiting, {balance.running:,} running, "
        f"{balance.delayed:,} delayed; {counted(balance.dead_letters, 'dead letter')}"
    )


def _lanes(lanes: Sequence[LaneStatus]) -> RenderableType:
    return table(
        "lane",
        "in the queue",
        "oldest update waits",
        "state",
        rows=(
            (
                lane.lane.value,
                f"{lane.queued:,}",
                None if lane.oldest_wait_s is None else span(lane.oldest_wait_s),
                str(lane.closure) if lane.closure else "open",
            )
            for lane in lanes
        ),
    )


def _runs(account: AccountStatus) -> RenderableType:
    return table(
        "run",
        "status",
        "rows ended",
        "says",
        rows=(
            (
                view.state.spec.run,
                view.state.status,
                f"{sum(view.state.counts.values()):,}/{view.state.spec.rows:,}",
                view.state.reason or view.waits or None,
            )
            for view in account.runs
        ),
    )
