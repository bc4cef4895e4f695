"""A job and its result as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table

from cli.answer import printable
from cli.jobs.job_status import JobStatus
from cli.tables import counted, table, when
from revio_jobs import CustomerProduct, QueryResult, UpdateResult

_PRODUCT_COLUMNS = {
    "customer_product_id": "id",
    "customer_id": "customer",
    "line_id": "line",
    "product_id": "product",
    "description": "description",
    "quantity": "quantity",
    "rate": "rate",
    "code1": "code1",
    "code2": "code2",
    "activated_date": "activated",
    "disconnect_date": "disconnect",
    "status": "status",
}


def status_tables(status: JobStatus) -> list[RenderableType]:
    """A job and, if it has one, its result."""
    job = table("job", "account", "state", rows=[(status.job_id, status.account, status.state)])
    match status.result:
        case QueryResult() as result:
            products = result.customer_products
            return [*([product_table(products)] if products else []), _sentence(result)]
        case UpdateResult() as done:
            return [job, _update(done)]
        case _:
            return [job]


def product_table(products: Sequence[CustomerProduct]) -> Table:
    """The fields that people look for, if any product has them; `--json` has all."""
    records = [product.model_dump(mode="json") for product in products]
    columns = {
        title: name
        for name, title in _PRODUCT_COLUMNS.items()
        if any(record[name] is not None for record in records)
    }
    return table(*columns, rows=([record[name] for name in columns.values()] for record in records))


def _sentence(result: QueryResult) -> str:
    products = counted(len(result.customer_products), "customer product")
    missing = ", ".join(map(str, result.missing_ids))
    return (
        f"{products}, {counted(result.calls, 'vendor call')}, as of {when(result.fetched_at)}"
        + (f"; not found: {missing}" if missing else "")
        + "".join(f"; {product}" for product in result.unreadable)
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
    drawn = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        if value is not None:
            drawn.add_row(name, printable(str(value)))
    return drawn
