"""Jobs and limits as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rich import box
from rich.console import RenderableType
from rich.table import Table

from cli.answer import printable
from cli.job_status import JobStatus
from revio_jobs import CustomerProduct, QueryResult, UpdateResult

_PRODUCT_COLUMNS = (
    "customer_product_id",
    "customer_id",
    "line_id",
    "product_id",
    "description",
    "quantity",
    "rate",
    "code1",
    "code2",
    "activated_date",
    "disconnect_date",
    "status",
)
_RIGHT = {"quantity", "rate"}


def table(*columns: str, rows: Iterable[Iterable[object]], title: str | None = None) -> Table:
    """Every value as text that a terminal shows as it is; None is an empty cell."""
    made = Table(box=box.SIMPLE, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in _RIGHT else "left")
    for row in rows:
        made.add_row(*("" if value is None else printable(str(value)) for value in row))
    return made


def status_tables(status: JobStatus) -> list[RenderableType]:
    """A job and, if it has one, its result."""
    job = table("job", "account", "state", rows=[(status.job_id, status.account, status.state)])
    match status.result:
        case QueryResult() as found:
            return [*_products(found), _sentence(found)]
        case UpdateResult() as done:
            return [job, _update(done)]
        case _:
            return [job]


def _products(found: QueryResult) -> list[RenderableType]:
    if not found.customer_products:
        return []
    return [
        table(
            *(name.removesuffix("_id") for name in _PRODUCT_COLUMNS),
            rows=map(_row, found.customer_products),
        )
    ]


def _row(product: CustomerProduct) -> list[object]:
    shown = product.model_dump(mode="json", include=set(_PRODUCT_COLUMNS))
    return [shown[name] for name in _PRODUCT_COLUMNS]


def _sentence(found: QueryResult) -> str:
    count = len(found.customer_products)
    missing = ", ".join(map(str, found.missing_ids))
    return (
        f"{count} customer product{'' if count == 1 else 's'}, {found.calls} vendor calls, as of "
        f"{when(found.fetched_at)}" + (f"; not found: {missing}" if missing else "")
    )


def _update(done: UpdateResult) -> Table:
    facts = {
        "product": done.id,
        "outcome": done.outcome,
        "sent": ", ".join(done.sent) or "nothing",
        "verified by a query": "yes" if done.verified else None,
        "superseded by job": done.superseded_by,
        "found instead": ", ".join(f"{k}={v}" for k, v in (done.found or {}).items()) or None,
        "vendor calls": done.calls,
        "ended": when(done.settled_at) if done.settled_at else None,
    }
    shown = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        if value is not None:
            shown.add_row(name, printable(str(value)))
    return shown


def when(moment: datetime) -> str:
    """To the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
