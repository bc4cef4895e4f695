"""What an undo leaves, and who has changed a product: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType

from campaigns import UndoReport
from campaigns.business_time import BusinessTime
from campaigns.results.explain import Touched
from campaigns.results.undo_report import Why
from campaigns.store.last_jobs import LastJob
from cli.tables import table

_LEFT = {
    Why.EDITED: "edited since, left alone",
    Why.BILLED: "billed in between with the new values: credits",
    Why.NOT_UNDONE: "not undone",
}


def undo_document(left: UndoReport) -> dict[str, object]:
    """JSON values; of many products the first few, and how many there are."""
    billed = [
        {
            "id": row.id,
            "customer_id": row.customer_id,
            "billed_through": row.billed_through,
            "charged_more": str(row.charged_more),
        }
        for row in left.of(Why.BILLED)
    ]
    return {
        "left": {why.value: left.counts[why] for why in Why},
        "charged_more": str(left.charged_more),
        "edited": [(row.id, row.says) for row in left.of(Why.EDITED)],
        "billed": billed,
        "not_undone": [(row.id, row.says) for row in left.of(Why.NOT_UNDONE)],
    }


def undo_tables(left: UndoReport) -> Iterator[RenderableType]:
    """What an undo leaves alone, and where credits are due."""
    for why, title in _LEFT.items():
        if not (rows := left.of(why)):
            continue
        examples = (
            (row.id, row.customer_id, row.says or row.billed_through, row.charged_more)
            for row in rows
        )
        header = ("product", "customer", "shows", "charged more")
        yield table(*header, rows=examples, title=f"{title} ({left.counts[why]:,})")
        if left.counts[why] > len(rows):
            yield f"and {left.counts[why] - len(rows):,} more; --left FILE writes them all"
    if left.charged_more:
        yield f"charged more in all: {left.charged_more:,.2f} per billing period"


def explained_document(
    product: int, touched: Sequence[Touched], jobs: Sequence[LastJob]
) -> dict[str, Any]:
    """JSON values."""
    return {
        "product": product,
        "campaigns": [
            {
                "run": campaign.spec.run,
                "outcome": campaign.result.outcome or "unprocessed",
                "at": campaign.result.when,
                "before": dict(campaign.result.row.before),
                "after": dict(campaign.result.row.after),
                "says": campaign.result.says,
                "applied_by": campaign.spec.facts["applied_by"],
                "approved_by": campaign.spec.facts["approved_by"],
                "reason": campaign.spec.facts["approval"],
            }
            for campaign in touched
        ],
        "jobs": [asdict(job) for job in jobs],
    }


def explained(
    product: int, touched: Sequence[Touched], jobs: Sequence[LastJob], time: BusinessTime
) -> Iterator[RenderableType]:
    """The same for people."""
    if not touched and not jobs:
        yield f"nothing is known here that touched product {product}"
    if touched:
        header = ("run", "outcome", "when", "old", "new", "applied by", "approved by", "why")
        yield table(*header, rows=(_explained(row, time) for row in touched))
    if jobs:
        rows = [(job.field, job.job_id, job.ended) for job in jobs]
        yield table("field", "written last by job", "ended as", rows=rows)


def _explained(touched: Touched, time: BusinessTime) -> tuple[object, ...]:
    row, facts = touched.result.row, touched.spec.facts
    return (
        touched.spec.run,
        touched.result.outcome or "unprocessed",
        time.show(touched.result.at) if touched.result.at else None,
        _values(row.before),
        _values({**row.after, **dict.fromkeys(row.clear)}),
        facts["applied_by"],
        facts["approved_by"],
        facts["approval"],
    )


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
