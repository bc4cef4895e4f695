"""A review on a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from campaigns.pages import PageTable
from campaigns.plan.review import Review
from campaigns.plan.review_tables import rows_table
from campaigns.store import Approval
from cli.campaign.plan_tables import (
    histogram_shown,
    not_undoable,
    rails_shown,
    read_as_table,
    revenue_shown,
    rows_shown,
    without_products,
)
from cli.tables import counted, table

_LARGEST = 10
_SAMPLES = 30
_FEW_ROWS = 50
_MANY = 200


def review_document(review: Review) -> dict[str, Any]:
    """JSON values of the tables; `summary_document` has the counts."""
    tables = review.tables(_MANY, _MANY)
    return {name: page_table.document() for name, page_table in tables.items()}


def review_tables(
    review: Review, written: Sequence[Path], approval: Approval | None
) -> Iterator[RenderableType]:
    """A plan for those who approve it."""
    plan, summary = review.plan, review.plan.summary
    yield (
        f"plan {plan.header.name} of {plan.header.author}, "
        f"{review.time.show_iso(plan.header.created_at)}, digest {plan.digest[:10]}"
    )
    yield from read_as_table(plan.header.read_as)
    yield rows_shown(summary)
    yield from without_products(summary.without_products)
    yield revenue_shown(summary)
    yield histogram_shown(summary)
    yield from _changes(review)
    for page_table in review.tables(_LARGEST, _SAMPLES).values():
        yield from _table(page_table)
    yield from not_undoable(summary)
    yield from rails_shown(summary)
    for rail, reason in plan.header.overrides.items():
        yield f"override of {rail}: {reason}"
    if review.begins:
        yield review.begins
    for path in written:
        yield f"written: {path}"
    yield _next(review, approval)


def _changes(review: Review) -> Iterator[RenderableType]:
    """All of a small plan; of a large one where they are to be seen."""
    changes = review.plan.summary.changes
    if changes <= _FEW_ROWS:
        yield from _table(rows_table("all changes", review.figures.by_money.in_order()))
    else:
        yield f"{counted(changes, 'row')} change; --html or --xlsx FILE shows each"


def _table(page_table: PageTable) -> Iterator[RenderableType]:
    if page_table.rows:
        titles = [column.title for column in page_table.columns]
        rows = ([cell.text for cell in row] for row in page_table.rows)
        yield table(*titles, rows=rows, title=page_table.title.lower())
    if page_table.note:
        yield page_table.note


def _next(review: Review, approval: Approval | None) -> str:
    path = review.plan.path
    if approval is None:
        return f"Not approved yet. Next: revio campaign approve {path} --reason …"
    return (
        f"Approved by {approval.by}, {review.time.show(approval.at)}: {approval.reason}. "
        f"Next: revio campaign apply {path}"
    )
