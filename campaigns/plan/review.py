"""A plan for those who approve it, as a page and as a workbook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from campaigns.business_time import BusinessTime
from campaigns.pages import PageTable, changes_by_name, histogram, page, scatter
from campaigns.plan.figures import Figures, shown_move
from campaigns.plan.largest import Totals
from campaigns.plan.plan_file import Plan
from campaigns.plan.review_tables import (
    changes_table,
    largest_tables,
    not_undoable_table,
    rails_table,
    samples_table,
)
from campaigns.plan.review_workbook import write_workbook
from campaigns.plan.summary import Summary, bins

_STEPS = 8
_OUTLIERS = 3
_REVENUE = "Change of revenue per billing period"
_LARGEST = 20
_NOT_UNDOABLE = 200

Fact = tuple[str, object]


@dataclass(frozen=True, slots=True)
class Review:
    """All that is shown of a plan, gathered in one run through its rows."""

    plan: Plan
    figures: Figures
    begins: str
    """When it would begin by its effective date, in words; "" if it has none."""
    time: BusinessTime

    @classmethod
    def of(cls, plan: Plan, begins: str, time: BusinessTime) -> Review:
        """Raises PlanFileError."""
        return cls(plan, Figures.of(plan.rows()), begins, time)

    def page(self) -> str:
        """HTML."""
        summary, figures = self.plan.summary, self.figures
        return page(
            "review.html.j2",
            title=f"Plan {self.plan.header.name}",
            alarms=list(self.alarms()),
            facts=list(self.facts()),
            read_as=list(self.plan.header.read_as.lines()),
            first=[
                rails_table(self.plan.header, summary, figures),
                not_undoable_table(summary, figures, _NOT_UNDOABLE),
            ],
            plots=plots(summary, figures),
            tables=[
                *largest_tables(figures, _LARGEST).values(),
                samples_table(figures),
                changes_table(summary, figures),
            ],
        )

    def tables(self, most: int, samples: int) -> dict[str, PageTable]:
        """For a terminal and for programs: at most so many rows of each."""
        summary, figures = self.plan.summary, self.figures
        return {
            "guard_rails": rails_table(self.plan.header, summary, figures),
            "not_undoable_rows": not_undoable_table(summary, figures, most),
            **largest_tables(figures, most),
            "samples": samples_table(figures, samples),
        }

    def write_workbook(self, path: Path) -> None:
        """Every row of the plan, the totals, and what a reviewer must know. Raises OSError."""
        facts = [*self.facts(), *(("to be seen", alarm) for alarm in self.alarms())]
        facts += self.plan.header.read_as.lines()
        write_workbook(self.plan, self.figures, facts, path)

    def alarms(self) -> Iterator[str]:
        """What no reviewer should miss."""
        summary = self.plan.summary
        if count := summary.not_undoable.total():
            yield f"{count:,} of {summary.changes:,} rows could not be undone, or not as a whole."
        if day := self._passed_day():
            yield (
                f"The change is meant to hold from {day}, which had passed when this was planned: "
                "say when to begin when you apply it, or plan it again from another day."
            )
        for rail, reason in self.plan.header.overrides.items():
            if rail in summary.crossed_rows or rail in summary.crossed:
                yield f"The guard rail {rail} is crossed: {reason}"

    def _passed_day(self) -> str:
        """The effective date, if it had passed; the rows of a retry were due then already."""
        header = self.plan.header
        made = self.time.day_of(datetime.fromisoformat(header.created_at).timestamp())
        if header.kind == "retry" or not header.effective:
            return ""
        return header.effective if date.fromisoformat(header.effective) < made else ""

    def facts(self) -> Iterator[Fact]:
        """What the plan is."""
        header, summary = self.plan.header, self.plan.summary
        yield "digest", self.plan.digest
        yield "account", header.account
        yield "made", f"{self.time.show_iso(header.created_at)} by {header.author}"
        yield "from", header.source
        yield "rules", ", ".join(f"{k}={v}" for k, v in header.rules.get("set", {}).items())
        yield "where", header.rules.get("where")
        yield "begins", self.begins or "with apply: no effective date is given"
        yield "overrides", "; ".join(f"{rail}: {why}" for rail, why in header.overrides.items())
        for kind, count in summary.rows.items():
            yield f"rows: {kind}", f"{count:,}"
        for name, count in summary.fields.items():
            yield f"rows that change {name}", f"{count:,}"
        for kind, missing in summary.without_products.items():
            yield f"{kind}s without products", f"{missing.count:,}: {missing}"
        yield "revenue before", f"{summary.before:,.2f}"
        yield "revenue after", f"{summary.after:,.2f} ({summary.after - summary.before:+,.2f})"


def plots(changes: Summary, figures: Figures) -> list[object]:
    """Histogram, changes of revenue by product and by customer, and new rates against old ones.

    `changes`: of the rows that the plots are about.
    """
    return [
        histogram(changes.histogram, bins()),
        changes_by_name(f"{_REVENUE}, by product", _steps(figures.products)),
        changes_by_name(f"{_REVENUE}, by customer", _steps(figures.customers)),
        scatter(figures.points, list(_outliers(figures))),
    ]


def _outliers(figures: Figures) -> Iterator[tuple[str, float, float]]:
    """The rows whose rates change most, by their products' ids."""
    for row in figures.by_percent.rows()[:_OUTLIERS]:
        if (before := row.before.get("rate")) is not None:
            yield f"{row.id} {shown_move(row)}", float(before), float(row.after["rate"])


def _steps(totals: Totals) -> list[tuple[str, Decimal]]:
    """Products or customers by how much they move revenue, the rest together."""
    largest = totals.largest(_STEPS)
    steps = [(total.name or str(key) or "?", total.moved) for key, total in largest]
    rest = sum((total.moved for _, total in totals), Decimal(0))
    rest -= sum((change for _, change in steps), Decimal(0))
    return [*steps, *([("others", rest)] if rest else [])]
