"""Runs for people, and as JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from campaigns.business_time import BusinessTime
from campaigns.plan.forecast import BulkBudget
from campaigns.results.eta import Eta, pace
from campaigns.run.state import Status
from campaigns.store import RunView
from campaigns.store.audit_log import AuditEntry
from cli.answer import printable
from cli.tables import table

FOR_EVER_S = 1e8
_SHOWN = 10


def run_document(view: RunView, left: Eta | None) -> dict[str, Any]:
    """JSON values."""
    state = view.state
    return {
        "run": state.spec.run,
        "name": state.spec.name,
        "status": state.status.value,
        "ended": view.has_ended,
        "reason": state.reason,
        "waits": view.waits,
        "rows": state.spec.rows,
        "counts": dict(state.counts),
        "in_flight": len(state.in_flight),
        "stage": state.stage + 1,
        "stages": list(state.spec.stages),
        "phase": state.phase.value,
        "rate": state.rate,
        "weight": state.weight,
        "start_at": state.spec.start_at or None,
        "window": str(state.spec.sending_hours) if state.spec.sending_hours else None,
        "eta": asdict(left) if left else None,
    }


def run_tables(view: RunView, left: Eta | None) -> list[RenderableType]:
    """A run for people."""
    state, speed = view.state, pace(view, time.time())
    facts: list[tuple[str, object]] = [
        ("run", state.spec.run),
        ("status", f"{state.status}{f': {state.reason}' if state.reason else ''}"),
        ("waits", view.waits or None),
        ("window", state.spec.sending_hours),
        ("stage", f"{state.stage + 1} of {len(state.spec.stages)}, {state.phase}"),
        ("ended", f"{_ended(view):,} of {state.spec.rows:,}"),
        *((name, f"{count:,}") for name, count in state.counts.items() if count),
        ("under way", len(state.in_flight) or None),
        ("rows per minute", f"{speed:,.0f}" if speed is not None else None),
        ("left", _eta(left) if left else None),
    ]
    known = [fact for fact in facts if fact[1] is not None]
    errors_shown = [(words, f"{count:,}") for words, count in top_errors(view)]
    tables: list[RenderableType] = [_facts(known)]
    if errors_shown:
        tables.append(table("top errors", "rows", rows=errors_shown))
    return tables


def next_steps(view: RunView) -> str:
    """What a person may do now."""
    run = view.state.spec.run
    report = f"revio campaign report {run} -o DIR; revio campaign undo {run} -o NEW.plan --reason …"
    match view.state.status:
        case Status.HALTED | Status.PAUSED:
            return f"Next: revio campaign resume {run} --reason …, or cancel it."
        case Status.CANCELLED:
            return f"Next: {report}; revio campaign retry {run} --only unprocessed -o NEW.plan"
        case Status.DONE:
            return f"Next: {report}"
        case _:
            return f"It goes on without this command; revio campaign watch {run} shows it again."


def _facts(facts: Iterable[tuple[str, object]]) -> Table:
    made = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts:
        made.add_row(name, printable(str(value)))
    return made


def one_line(view: RunView, left: Eta | None) -> str:
    """For a log."""
    state = view.state
    counts = " ".join(f"{name}={count}" for name, count in state.counts.items() if count)
    waits = f" waits: {view.waits}" if view.waits else ""
    eta = f" left {_eta(left)}" if left else ""
    return (
        f"{state.spec.run} {state.status} {_ended(view)}/{state.spec.rows} "
        f"stage {state.stage + 1}/{len(state.spec.stages)} {state.phase} {counts}{eta}{waits}"
    )


def top_errors(view: RunView) -> list[tuple[str, int]]:
    """The most frequent errors of failed rows."""
    return Counter(view.errors).most_common(_SHOWN)


def calls_line(budget: BulkBudget) -> str:
    """How the account's calls are used."""
    used = 1 - budget.left_today / budget.per_day if budget.per_day else 1.0
    return (
        f"calls in the last minute: {budget.last_minute:,}; of the day's calls for bulk work "
        f"{used:.1%} are used, {budget.left_today:,} are left"
    )


def decision_table(decisions: Sequence[AuditEntry], time: BusinessTime) -> Table:
    """Who decided what, the latest last."""
    rows = [
        (time.show(entry.at), entry.by, entry.what, entry.reason or None) for entry in decisions
    ]
    return table("when", "who", "what", "why", rows=rows[-_SHOWN:])


def list_table(views: Sequence[RunView]) -> Table:
    """The runs of an account."""
    rows = [
        (
            view.state.spec.run,
            view.state.status,
            f"{_ended(view):,}/{view.state.spec.rows:,}",
            view.state.spec.facts.get("applied_by"),
            view.state.reason or view.waits or None,
        )
        for view in views
    ]
    return table("run", "status", "ended", "by", "says", rows=rows)


def span(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds))) if seconds < FOR_EVER_S else "for ever"


def _ended(view: RunView) -> int:
    return sum(view.state.counts.values())


def _eta(left: Eta) -> str:
    return f"{span(left.seconds)} ({span(left.soonest)} to {span(left.latest)})"
