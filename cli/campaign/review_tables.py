"""A review on a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rich.console import RenderableType

from campaigns import Campaigns
from campaigns.pages import PageTable
from campaigns.plan.plan_file import Plan
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


@dataclass(frozen=True, slots=True)
class PlanStanding:
    """What people have decided about a plan."""

    approval: Approval | None
    """One that counts; None if there is none."""
    refusal: Approval | None
    """By which it was sent back."""
    why_not: str
    """Why an approval that was given does not count."""
    has_begun: bool
    is_kept: bool
    """Whether its run can be looked at."""

    @classmethod
    def of(cls, campaigns: Campaigns, plan: Plan) -> Self:
        """As of now. Raises Unavailable."""
        store = campaigns.store
        given, refusal = store.plans.approval(plan.digest), store.plans.sent_back(plan.digest)
        why_not = given and campaigns.why_not_counted(plan.digest, plan.header.author, given)
        approval = None if refusal or why_not else given
        has_begun, is_kept = store.has_begun(plan.run), store.exists(plan.run)
        return cls(approval, refusal, why_not or "", has_begun, is_kept)

    def document(self) -> dict[str, str | None]:
        """JSON values."""
        return {
            "approved_by": self.approval.by if self.approval else None,
            "sent_back_by": self.refusal.by if self.refusal else None,
        }

    def says(self, review: Review) -> str:
        """In words, with what comes next."""
        plan, time = review.plan, review.time
        if self.is_kept:
            return f"Its run has begun. Next: revio campaign watch {plan.run}"
        if self.has_begun:
            return (
                "Its run has ended, and is not kept any more. To change its rows, plan them again."
            )
        if back := self.refusal:
            return f"Sent back by {back.by}, {time.show(back.at)}: {back.reason}. Plan it again."
        if approval := self.approval:
            return (
                f"Approved by {approval.by}, {time.show(approval.at)}: {approval.reason}. "
                f"Next: revio campaign apply {plan.path}"
            )
        but = f", since an approval that was given does not count: {self.why_not}"
        return (
            f"Not approved yet{but if self.why_not else ''}. Next: revio campaign approve "
            f"{plan.path} --reason …"
        )


def review_document(review: Review) -> dict[str, Any]:
    """JSON values of the tables; `summary_document` has the counts."""
    tables = review.tables(_MANY, _MANY)
    return {name: page_table.document() for name, page_table in tables.items()}


def review_tables(
    review: Review, written: Sequence[Path], standing: PlanStanding
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
    yield standing.says(review)


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
