"""What an undo leaves, and who has changed a product: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType

from campaigns import UndoReport
from campaigns.explain import LastJob, Touched
from cli.tables import table


def undo_document(left: UndoReport) -> dict[str, object]:
    """JSON values."""
    billed = [{**asdict(each), "charged_more": str(each.charged_more)} for each in left.billed]
    return {"edited": left.edited, "billed": billed, "not_undone": left.not_undone}


def undo_tables(left: UndoReport) -> list[RenderableType]:
    """What an undo leaves alone, and where credits are due."""
    tables: list[RenderableType] = []
    if left.edited:
        tables.append(table("edited since, left alone", "shows", rows=left.edited))
    if left.billed:
        rows = [
            (each.id, each.customer_id, each.billed_through, each.charged_more)
            for each in left.billed
        ]
        header = ("billed in between: credits", "customer", "billed through", "charged more")
        tables.append(table(*header, rows=rows))
    if left.not_undone:
        tables.append(table("not undone", "why", rows=left.not_undone))
    return tables


def explained_document(
    product: int, touched: Sequence[Touched], jobs: Sequence[LastJob]
) -> dict[str, Any]:
    """JSON values."""
    return {
        "product": product,
        "campaigns": [
            {
                "run": each.spec.run,
                "outcome": each.result.outcome or "unprocessed",
                "at": each.result.when,
                "before": dict(each.result.row.before),
                "after": dict(each.result.row.after),
                "says": each.result.says,
                "applied_by": each.spec.facts["applied_by"],
                "approved_by": each.spec.facts["approved_by"],
                "reason": each.spec.facts["approval"],
            }
            for each in touched
        ],
        "jobs": [asdict(each) for each in jobs],
    }


def explained(
    product: int, touched: Sequence[Touched], jobs: Sequence[LastJob]
) -> Iterator[RenderableType]:
    """The same for people."""
    if not touched and not jobs:
        yield f"nothing is known here that touched product {product}"
    if touched:
        header = ("run", "outcome", "when", "old", "new", "applied by", "approved by", "why")
        yield table(*header, rows=map(_explained, touched))
    if jobs:
        rows = [(each.field, each.job_id, each.ended) for each in jobs]
        yield table("field", "written last by job", "ended as", rows=rows)


def _explained(each: Touched) -> tuple[object, ...]:
    row, facts = each.result.row, each.spec.facts
    return (
        each.spec.run,
        each.result.outcome or "unprocessed",
        each.result.when or None,
        _values(row.before),
        _values({**row.after, **dict.fromkeys(row.clear)}),
        facts["applied_by"],
        facts["approved_by"],
        facts["approval"],
    )


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
