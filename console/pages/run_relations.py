"""The run that a run comes from, and what was made from it: retries and undos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from campaigns.plan.plan_file import Header
from campaigns.store import RunView
from console.plans.record import Record
from console.visit import Visit

_ORIGINS = {"undo": "It takes back", "retry": "It tries again rows of"}
_BEGUN = {"undo": "Taken back by", "retry": "Tried again by"}
_PLANNED = {"undo": "An undo is planned", "retry": "A retry is planned"}


@dataclass(frozen=True, slots=True)
class Relation:
    """Words, then a run or plan with its page, then what there is to say of it."""

    says: str
    name: str
    path: str
    more: str = ""


def relations_of(visit: Visit, view: RunView) -> list[Relation]:
    """The run that it takes back or tries again first."""
    records = visit.console.shelf.records(visit.account)
    return [*_origin(visit, view), *_made_from(visit, view.state.spec.run, records)]


def _origin(visit: Visit, view: RunView) -> Iterator[Relation]:
    kind, of_run = _made_as(view)
    if kind in _ORIGINS:
        yield Relation(_ORIGINS[kind], of_run, visit.at(f"runs/{of_run}"))


def _made_from(visit: Visit, run: str, records: Sequence[Record]) -> Iterator[Relation]:
    """The runs, and the plans that wait; the newest first."""
    begun = set()
    for view in visit.campaigns.campaigns.runs().views:
        spec, state = view.state.spec, view.state
        begun.add(spec.run)
        kind, of_run = _made_as(view)
        if of_run == run and kind in _BEGUN:
            ended = f"{state.status}, {sum(state.counts.values()):,} of {spec.rows:,} rows"
            yield Relation(_BEGUN[kind], spec.run, visit.at(f"runs/{spec.run}"), ended)
    for record in records:
        wanted = record.wanted
        if wanted.of_run != run or wanted.kind not in _PLANNED or record.withdrawal:
            continue
        if (its_run := _run_of(record)) and its_run not in begun:
            path = visit.at(f"plans/{wanted.id}")
            yield Relation(_PLANNED[wanted.kind], wanted.name, path, f"by {wanted.author}")


def _made_as(view: RunView) -> tuple[str, str]:
    """plan, retry or undo, and the run that a retry or undo is of; "" if nothing is known."""
    document = view.state.spec.facts.get("header")
    if not document:
        return "", ""
    header = Header.of(document)
    return header.kind, header.of_run or ""


def _run_of(record: Record) -> str:
    """The run of a plan that was made; "" if there is none yet, or nothing to change."""
    outcome = record.outcome
    return outcome.run if outcome and outcome.changes_something else ""
