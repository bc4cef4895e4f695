"""A plan for the eyes of those who approve it: on a terminal, as a page, as a workbook."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from campaigns.plan.figures import Figures
from campaigns.plan.page import Page
from campaigns.plan.plan_file import Plan
from campaigns.plan.summary import moved
from campaigns.rows.planned_row import PlannedRow
from campaigns.source.cells import CLEAR
from campaigns.source.workbook_out import new_workbook

_HEADER = (
    *("class", "line", "id", "customer_id", "product_id", "description", "quantity"),
    *("rate_before", "rate_after", "change_percent", "other_changes", "says"),
)


def review_page(plan: Plan, figures: Figures) -> str:
    """HTML."""
    header, summary = plan.header, plan.summary
    page = Page(f"Plan {header.name}")
    page.facts(
        [
            ("digest", plan.digest),
            ("account", header.account),
            ("made", f"{header.created_at} by {header.author}"),
            ("from", header.source),
            *header.read_as.lines(),
            ("rules", ", ".join(f"{k}={v}" for k, v in header.rules.get("set", {}).items())),
            ("where", header.rules.get("where")),
            ("overrides", "; ".join(f"{k}: {v}" for k, v in header.overrides.items())),
            *((f"rows: {kind}", f"{count:,}") for kind, count in summary.rows.items()),
            *((f"guard rail {rail}", f"{n:,} rows") for rail, n in summary.says.items()),
            ("revenue before", f"{summary.before:,.2f}"),
            ("revenue after", f"{summary.after:,.2f}"),
        ]
    )
    page.plots(summary, figures, summary.before)
    page.moves(figures)
    return page.text()


def write_review_workbook(plan: Plan, path: Path) -> None:
    """Every row of the plan."""
    with new_workbook(path) as book:
        add = book.sheet("plan", _HEADER)
        for row in plan.rows():
            add(_cells(row))


def _cells(row: PlannedRow) -> list[object]:
    change = moved(row)
    others = {name: value for name, value in row.after.items() if name != "rate"}
    others |= dict.fromkeys(row.clear, CLEAR)
    return [
        row.kind.value,
        row.line or None,
        row.id or None,
        *(row.seen.get(name) for name in _HEADER[3:7]),
        _amount(row.before.get("rate", row.seen.get("rate"))),
        _amount(row.after.get("rate")),
        None if change is None else round(change, 2),
        "; ".join(f"{name}={value}" for name, value in others.items()),
        "; ".join(row.says),
    ]


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
