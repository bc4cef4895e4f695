"""A plan: looked at, approved or sent back, withdrawn, applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import FileResponse, Response

from campaigns import Person
from console.decision_log import DecisionLog
from console.pages.plan_faults import FormFaults, run_request
from console.pages.plan_form import (
    IGNORED,
    TARGETS,
    shown_fields,
    target_words,
)
from console.pages.plan_record import record_of
from console.pages.plan_rows import row_query, rows_of
from console.plans.column_look import known_field, proposals
from console.plans.nothing import nothing_in_words
from console.plans.planning import FAILED
from console.plans.record import (
    LEFT,
    PAGE,
    PLAN,
    REVIEW,
    WORKBOOK,
    Outcome,
    Record,
    Withdrawal,
)
from console.visit import NotFound, Refused, Visit

_DOWNLOADS = {PLAN: "plan", PAGE: "html", WORKBOOK: "xlsx", LEFT: "csv"}


def show_plan(visit: Visit) -> Response:
    """As far as it has come."""
    record = record_of(visit)
    outcome = record.outcome
    if outcome is None:
        visit.console.pool.plan(record)  # a console that was ended may have left it
        return visit.page(
            "planning.html.j2", wanted=record.wanted, progress=record.progress, trouble=""
        )
    if not outcome.changes_something:
        return show_problems(visit, record, outcome)
    return _show_review(visit, record, outcome)


def show_problems(
    visit: Visit,
    record: Record,
    outcome: Outcome,
    fields: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response:
    """Why there is no plan to decide about, with a form to plan again; as typed, with `faults`."""
    wanted = record.wanted
    stated = wanted.fields if fields is None else fields
    return visit.page(
        "plan_problems.html.j2",
        HTTPStatus.UNPROCESSABLE_ENTITY if faults else 200,
        wanted=wanted,
        replacement=record.replacement,
        withdrawal=record.withdrawal,
        is_mine=wanted.author == visit.name,
        outcome=outcome,
        nothing=nothing_in_words(wanted, outcome),
        name=visit.text("name") or wanted.name,
        fields=shown_fields(stated, faults),
        has_failed=outcome.verdict == FAILED,
        asks=outcome.asks,
        targets=TARGETS,
        target_words=target_words,
        proposals=_unstated(outcome, stated) if outcome.asks and not faults else {},
        known_field=known_field,
        ignored=IGNORED,
    )


def _unstated(outcome: Outcome, fields: Mapping[str, Any]) -> dict[str, str]:
    """Proposals for the columns of which nobody has said anything yet."""
    stated = {column.rpartition("=")[0] for column in fields.get("columns", ())}
    stated |= set(fields.get("ignored", ()))
    return {
        title: field for title, field in proposals(outcome.columns).items() if title not in stated
    }


def show_progress(visit: Visit) -> Response:
    """A part of the page above; when planning has ended, the browser is told to load it anew."""
    record = record_of(visit)
    if record.outcome is None:
        return visit.page(
            "planning_part.html.j2",
            progress=record.progress,
            wanted=record.wanted,
            trouble=visit.console.pool.trouble(record),
        )
    return Response(headers={"HX-Refresh": "true"})


def _show_review(
    visit: Visit, record: Record, outcome: Outcome, faults: Mapping[str, str] | None = None
) -> Response:
    """With `faults` in the form that was sent, which keeps what was typed."""
    campaigns = visit.campaigns.campaigns
    review = json.loads(record.file(REVIEW).read_text(encoding="utf-8"))
    author, approval = record.wanted.author, campaigns.store.plans.approval(outcome.digest)
    why_not = approval and campaigns.why_not_counted(outcome.digest, author, approval)
    has_left = record.file(LEFT).exists()
    return visit.page(
        "plan.html.j2",
        HTTPStatus.UNPROCESSABLE_ENTITY if faults else 200,
        typed=visit.text if faults else None,
        faults=faults or {},
        wanted=record.wanted,
        outcome=outcome,
        review=review,
        approval=None if why_not else approval,
        uncounted=(approval, why_not) if why_not else None,
        sent_back=campaigns.store.plans.sent_back(outcome.digest),
        has_run=campaigns.store.exists(outcome.run),
        decisions=campaigns.audit(outcome.run),
        terms=campaigns.terms,
        time=campaigns.terms.time,
        is_own=campaigns.terms.four_eyes and author == visit.name,
        has_left=has_left,
        replacement=record.replacement,
        withdrawal=record.withdrawal,
        is_mine=record.wanted.author == visit.name,
        source_plan=visit.console.shelf.record(visit.account, record.wanted.of_plan),
        **rows_of(visit, record, row_query(visit.query)),
    )


def download(visit: Visit) -> Response:
    """One of the plan's files."""
    record, name = record_of(visit), visit.params["file"]
    outcome = record.outcome
    is_problems = outcome is not None and outcome.problem_file and name == outcome.problem_file
    if (name not in _DOWNLOADS and not is_problems) or not record.file(name).is_file():
        raise NotFound(f"This plan has no file {name}.")
    return FileResponse(
        record.file(name),
        media_type="application/octet-stream",
        filename=f"{record.wanted.name}-{name}",
        content_disposition_type="attachment",
    )


def approve(visit: Visit) -> Response:
    """Exactly this plan; the audit log gets the name of whoever has signed in."""
    record, _ = _planned(visit)
    _check_not_replaced(visit, record)
    campaigns = visit.campaigns.campaigns
    campaigns.approve(campaigns.open(record.file(PLAN)), visit.person())
    return visit.go(f"plans/{record.directory.name}")


def send_back(visit: Visit) -> Response:
    """With words for its author; the plan cannot be approved or applied any more."""
    record, _ = _planned(visit)
    campaigns = visit.campaigns.campaigns
    campaigns.send_back(campaigns.open(record.file(PLAN)), visit.person())
    return visit.go(f"plans/{record.directory.name}")


def apply(visit: Visit) -> Response:
    """Begin the run as the form says; a second click finds it begun."""
    record, outcome = _planned(visit)
    _check_not_replaced(visit, record)
    campaigns = visit.campaigns.campaigns
    try:
        request = run_request(visit)
    except FormFaults as exc:
        return _show_review(visit, record, outcome, exc.faults)
    campaigns.apply(campaigns.open(record.file(PLAN)), request)
    return visit.go(f"runs/{outcome.run}")


def withdraw(visit: Visit) -> Response:
    """By whoever made it: a plan that waits, or a try that came to nothing."""
    record = record_of(visit)
    wanted, outcome, reason = record.wanted, record.outcome, visit.text("reason")
    if wanted.author != visit.name:
        raise Refused(f"{wanted.author} has made this plan, and nobody else withdraws it.")
    if outcome is None:
        raise Refused("It is still being planned: withdraw it when that has ended.")
    if record.withdrawal:
        return visit.go("campaigns")
    if outcome.changes_something:
        campaigns = visit.campaigns.campaigns
        if campaigns.store.exists(outcome.run):
            raise Refused("Its run has begun: pause or cancel that instead.")
        if not campaigns.store.plans.sent_back(outcome.digest):
            # Then it can be neither approved nor applied, from wherever.
            why = f"withdrawn by its planner: {reason}" if reason else "withdrawn by its planner"
            campaigns.send_back(campaigns.open(record.file(PLAN)), Person(visit.name, why))
    record.withdraw(Withdrawal(visit.name, visit.console.clock(), reason))
    log = DecisionLog(visit.console.redis, visit.account)
    log.note(
        visit.name, f"withdraw plan {wanted.name} ({outcome.digest[:10] or wanted.id})", reason
    )
    return visit.go("campaigns")


def _check_not_replaced(visit: Visit, record: Record) -> None:
    """Raises Refused unless the person says that they mean the old plan."""
    if (by := record.replacement) and not visit.is_checked("even_replaced"):
        raise Refused(
            f"Plan {by.wanted.name} of {by.wanted.author}, made at "
            f"{visit.campaigns.campaigns.terms.time.show(by.wanted.asked_at)}, has taken the place "
            "of this one. Look at that; or go back and say that you mean the old one."
        )


def _planned(visit: Visit) -> tuple[Record, Outcome]:
    record = record_of(visit)
    outcome = record.outcome
    if outcome is None or not outcome.changes_something:
        raise Refused("There is no finished plan that changes something to decide about.")
    return record, outcome
