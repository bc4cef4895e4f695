"""Plans for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from campaigns import Planned, PlanVerdict
from campaigns.guard_rails.rails import per_cent
from campaigns.plan.owners import Missing
from campaigns.plan.summary import Summary, bins
from campaigns.rows.planned_row import RowClass
from campaigns.source.read_as import ReadAs
from cli.campaign.outlook import Outlook
from cli.campaign.run_tables import FOR_EVER_S, span
from cli.tables import counted, table

_BAR = 40


def plan_document(planned: Planned, outlook: Outlook) -> dict[str, Any]:
    """JSON values."""
    return {
        "verdict": planned.verdict.value,
        "digest": planned.plan.digest if planned.plan else None,
        "run": planned.plan.run if planned.plan else None,
        "read_as": planned.read_as.document(),
        **summary_document(planned.summary),
        "problems": dict(planned.problems.counts),
        "forbidden": [f"{rail.rail}: {rail.says}" for rail in planned.forbidden],
        "effective": planned.plan.header.effective if planned.plan else None,
        "begins": outlook.begins or None,
        "calls_spent": outlook.reads,
        "forecast": outlook.takes.document(),
    }


def summary_document(summary: Summary) -> dict[str, Any]:
    """JSON values."""
    return summary.document()


def plan_tables(
    planned: Planned, outlook: Outlook, output: Path, *, of_run: str = ""
) -> Iterator[RenderableType]:
    """What planning came to, and what to do next."""
    summary = planned.summary
    yield from read_as_table(planned.read_as)
    yield rows_shown(summary)
    yield from without_products(summary.without_products)
    yield from planned.problems.lines()
    if summary.changes:
        yield revenue_shown(summary)
        yield histogram_shown(summary)
    yield from rails_shown(summary)
    yield from not_undoable(summary)
    for breach in planned.forbidden:
        yield f"guard rail {breach.rail} stops the plan: {breach.says}"
    if planned.verdict is PlanVerdict.CHANGES:
        yield _takes(outlook)
        if outlook.begins:
            yield outlook.begins
    yield _next(planned, output, of_run)


def read_as_table(read_as: ReadAs) -> Iterator[Table]:
    """How the input was understood."""
    if lines := list(read_as.lines()):
        yield table("", "", rows=lines, title="read as")


def rows_shown(summary: Summary) -> Table:
    rows = [(kind, f"{count:,}") for kind, count in summary.rows.most_common()]
    return table("rows", "number", rows=rows)


def without_products(missing: Mapping[str, Missing]) -> Iterator[str]:
    """Customers and lines that were asked for and have nothing."""
    for kind, owners in missing.items():
        have = "has" if owners.count == 1 else "have"
        yield f"{counted(owners.count, kind)} {have} no products: {owners}"


def not_undoable(summary: Summary) -> Iterator[str]:
    """What an undo could not put back."""
    for why, count in summary.not_undoable.most_common():
        yield f"{counted(count, 'row')} could not be undone: {why}"


def rails_shown(summary: Summary) -> Iterator[str]:
    for rail, count in summary.stopped.items():
        yield f"guard rail {rail} stops {counted(count, 'row')}"
    for rail, count in summary.crossed_rows.items():
        yield f"guard rail {rail} speaks of {counted(count, 'row')}"
    for rail, says in summary.crossed.items():
        yield f"guard rail {rail} speaks of the plan as a whole: {says}"


def revenue_shown(summary: Summary) -> str:
    change = per_cent(summary.before, summary.after)
    shown = "from nothing" if change is None else f"{change:+.2f} %"
    moved = summary.after - summary.before
    return (
        f"revenue per billing period: {summary.before:,.2f} → {summary.after:,.2f} "
        f"({moved:+,.2f}, {shown})"
    )


def histogram_shown(summary: Summary) -> Table:
    most = max(summary.histogram.values(), default=1)
    rows = [
        (name, f"{count:,}", "█" * max(round(_BAR * count / most), 1))
        for name in bins()
        if (count := summary.histogram.get(name, 0))
    ]
    return table("change of the rate", "rows", "", rows=rows)


def _takes(outlook: Outlook) -> str:
    takes, reads = outlook.takes, outlook.reads
    done = outlook.time.show(takes.done_at) if takes.seconds < FOR_EVER_S else "never"
    return (
        f"calls: {takes.calls:,} ({counted(takes.updates, 'update')}, "
        f"{counted(takes.reads, 'read')}), "
        f"{takes.share_of_day:.1%} of a day of bulk work; about {span(takes.seconds)}, "
        f"done {done} if begun now and alone. Planning took {counted(reads, 'call')}."
    )


def _next(planned: Planned, output: Path, of_run: str) -> str:
    if planned.verdict is PlanVerdict.PROBLEMS and of_run:
        return (
            "No plan was written, neither for the faulty rows nor for the others. To plan the "
            f"others: revio campaign report {of_run} -o DIR writes the run's rows as lists, and "
            "revio campaign plan takes one of them, with --skip-problems."
        )
    if planned.verdict is PlanVerdict.PROBLEMS:
        return (
            "No plan was written, neither for the faulty rows nor for the others. Fix the input, "
            "cross a guard rail with --override RAIL=REASON, or plan the others with "
            "--skip-problems; --problems FILE writes the faulty rows, for a plan of their own."
        )
    if planned.verdict is PlanVerdict.NOTHING:
        return f"Nothing to do{_why_nothing(planned.summary)}."
    return (
        f"The plan is {output}. Next: revio campaign review {output}, "
        f"then revio campaign approve {output} --reason …"
    )


def _why_nothing(summary: Summary) -> str:
    if not summary.rows:
        return ": there are no rows"
    if set(summary.rows) == {RowClass.NOT_MEANT}:
        return ": --where is true for none of them (a text is compared letter by letter)"
    return ""
