"""A review as JSON values, for pages of a console that may be another than the one that planned."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from campaigns.guard_rails.rails import per_cent
from campaigns.pages import PageTable
from campaigns.plan.figures import shown_move
from campaigns.plan.review import Review, plots
from campaigns.rows.field_change import changes_of

_SHOWN = 20
"""Rows of each table of the largest changes."""


def review_document(review: Review) -> dict[str, Any]:
    """What a page shows of a review, as JSON values."""
    summary = review.plan.summary
    return {
        "headline": headline(review),
        "alarms": list(review.alarms()),
        "facts": [(name, str(value)) for name, value in review.facts() if value not in {None, ""}],
        "tables": {name: _table(table) for name, table in review.tables(_SHOWN, _SHOWN).items()},
        "plots": [
            asdict(plot)  # type: ignore[call-overload]
            for plot in plots(summary, review.figures)
            if plot
        ],
    }


def headline(review: Review) -> list[tuple[str, str]]:
    """What an approver must know before all else."""
    summary, largest = review.plan.summary, review.figures.by_percent.rows()[:1]
    change = per_cent(summary.before, summary.after)
    moved = f"{summary.after - summary.before:+,.2f}"
    moved = moved if change is None else f"{moved}, {change:+.1f} %"
    revenue = f"{summary.before:,.2f} → {summary.after:,.2f} ({moved})"
    figures = [
        ("rows that change", f"{summary.changes:,} of {summary.rows.total():,}"),
        ("revenue per billing period", revenue),
    ]
    for row in largest:
        rate = next(change for change in changes_of(row) if change.name == "rate")
        words = f"product {row.id}: {rate.old} → {rate.new} ({shown_move(row)})"
        figures.append(("largest change of a rate", words))
    return figures


def _table(table: PageTable) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": [asdict(column) for column in table.columns],
        "rows": [[asdict(cell) for cell in row] for row in table.rows],
        "note": table.note,
        "is_filterable": False,
    }
