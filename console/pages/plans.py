"""A plan: asked for, looked at, approved or sent back, applied."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response

from campaigns import Only
from console.pages.plan_faults import FormFaults, plan_faults, run_request
from console.pages.plan_form import (
    IGNORED,
    SOURCE_DIRECTORY,
    TARGETS,
    fields_of,
    plan_name,
    shown_fields,
    store_upload,
    stored_upload,
    uploaded,
)
from console.pages.plan_record import begin, new_record, record_of
from console.pages.plan_rows import row_query, rows_of
from console.plans.nothing import nothing_in_words
from console.plans.planning import FAILED
from console.plans.record import (
    LEFT,
    LEFT_OUT,
    PAGE,
    PLAN,
    REVIEW,
    WORKBOOK,
    Outcome,
    Record,
)
from console.visit import NotFound, Refused, Visit

_UNPROCESSABLE = 422
_DOWNLOADS = {PLAN: "plan", PAGE: "html", WORKBOOK: "xlsx", LEFT: "csv"}


def show_form(visit: Visit) -> Response:
    """Of a new plan."""
    return _form(visit, "")


def ask(visit: Visit) -> Response:
    """Store the upload and what is to be done with it, then plan it in a process of its own.

    A form with a fault comes again with all that was typed, and the upload stays.
    """
    file, fields, record = uploaded(visit), fields_of(visit), new_record(visit)
    if record.is_asked:
        return visit.go(f"plans/{record.directory.name}")
    source = store_upload(file, record.directory) if file else stored_upload(record.directory)
    title = file.filename or "" if file else Path(source).name
    faults = plan_faults(fields, visit.campaigns.campaigns.terms, visit.console.clock())
    has_owners = fields.get("customers") or fields.get("lines")
    if not source and not has_owners:
        faults["file"] = (
            "Choose a price list; or open “Rules” and name customers or lines, and a rule for "
            "their rates."
        )
    if source and has_owners:
        faults["file"] = "Choose either a price list, or customers and lines: not both."
    name = plan_name(visit, title)
    if not name and "file" not in faults:
        faults["name"] = "Without a price list a plan needs a name: people look for it by that."
    if faults:
        return _form(visit, source, fields, faults)
    return begin(visit, record, name=name, source=source, source_title=title, fields=fields)


def _form(
    visit: Visit,
    source: str,
    fields: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response:
    again = {"once": visit.text("once")} if faults else {}
    return visit.page(
        "plan_new.html.j2",
        _UNPROCESSABLE if faults else 200,
        fields=shown_fields(fields or {}, faults),
        name=visit.text("name"),
        stored=Path(source).name,
        **again,
    )


def ask_again(visit: Visit) -> Response:
    """Plan the same upload otherwise: a new plan, beside the old one."""
    old = record_of(visit)
    wanted = old.wanted
    fields, record = fields_of(visit), new_record(visit)
    if wanted.kind != "plan":
        fields = {**wanted.fields, **fields}
    faults = plan_faults(fields, visit.campaigns.campaigns.terms, visit.console.clock())
    if faults and not record.is_asked and old.outcome:
        return _show_problems(visit, old, old.outcome, fields, faults)
    if old.source:
        (record.directory / SOURCE_DIRECTORY).mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(old.source, record.file(wanted.source))
    if wanted.of_plan:
        shutil.copyfile(old.file(LEFT_OUT), record.file(LEFT_OUT))
    return begin(
        visit,
        record,
        name=visit.text("name") or wanted.name,
        kind=wanted.kind,
        source=wanted.source,
        source_title=wanted.source_title,
        of_run=wanted.of_run,
        of_plan=wanted.of_plan,
        reason=wanted.reason,
        only=wanted.only,
        fields=fields,
    )


def ask_from_run(visit: Visit, kind: str, run: str) -> Response:
    """A plan that tries a run's rows again, or takes back what it wrote."""
    name = visit.text("name") or f"{kind} {visit.campaigns.campaigns.view(run).state.spec.name}"
    reason, only = visit.text("reason"), visit.text("only") or Only.TRANSIENT
    if only not in set(Only):
        raise Refused("Choose which rows to try again.")
    if kind == "undo" and not reason:
        raise Refused("To take a run back needs a reason: it goes into the audit log.")
    return begin(
        visit, new_record(visit), name=name, kind=kind, of_run=run, reason=reason, only=only
    )


def show_plan(visit: Visit) -> Response:
    """As far as it has come."""
    record = record_of(visit)
    outcome = record.outcome
    if outcome is None:
        visit.console.pool.plan(record)  # a console that was ended may have left it
        return visit.page("planning.html.j2", wanted=record.wanted, progress=record.progress)
    if not outcome.changes_something:
        return _show_problems(visit, record, outcome)
    return _show_review(visit, record, outcome)


def _show_problems(
    visit: Visit,
    record: Record,
    outcome: Outcome,
    fields: Mapping[str, Any] | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response:
    """Why there is no plan to decide about, with a form to plan again; as typed, with `faults`."""
    wanted = record.wanted
    return visit.page(
        "plan_problems.html.j2",
        _UNPROCESSABLE if faults else 200,
        wanted=wanted,
        outcome=outcome,
        nothing=nothing_in_words(wanted, outcome),
        name=visit.text("name") or wanted.name,
        fields=shown_fields(wanted.fields if fields is None else fields, faults),
        has_failed=outcome.verdict == FAILED,
        asks=outcome.asks,
        targets=TARGETS,
        ignored=IGNORED,
    )


def show_progress(visit: Visit) -> Response:
    """A part of the page above; when planning has ended, the browser is told to load it anew."""
    record = record_of(visit)
    if record.outcome is None:
        return visit.page("planning_part.html.j2", progress=record.progress, wanted=record.wanted)
    return Response(headers={"HX-Refresh": "true"})


def _show_review(
    visit: Visit, record: Record, outcome: Outcome, faults: Mapping[str, str] | None = None
) -> Response:
    """With `faults` in the form that was sent, which keeps what was typed."""
    campaigns = visit.campaigns.campaigns
    review = json.loads(record.file(REVIEW).read_text(encoding="utf-8"))
    author, approval = record.wanted.author, campaigns.store.approval(outcome.digest)
    why_not = approval and campaigns.why_not_counted(outcome.digest, author, approval)
    has_left = record.file(LEFT).exists()
    return visit.page(
        "plan.html.j2",
        _UNPROCESSABLE if faults else 200,
        typed=visit.text if faults else None,
        faults=faults or {},
        wanted=record.wanted,
        outcome=outcome,
        review=review,
        approval=None if why_not else approval,
        uncounted=(approval, why_not) if why_not else None,
        sent_back=campaigns.store.sent_back(outcome.digest),
        has_run=campaigns.store.exists(outcome.run),
        decisions=campaigns.audit(outcome.run),
        terms=campaigns.terms,
        time=campaigns.terms.time,
        is_own=campaigns.terms.four_eyes and author == visit.name,
        has_left=has_left,
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
    campaigns = visit.campaigns.campaigns
    try:
        request = run_request(visit)
    except FormFaults as exc:
        return _show_review(visit, record, outcome, exc.faults)
    campaigns.apply(campaigns.open(record.file(PLAN)), request)
    return visit.go(f"runs/{outcome.run}")


def _planned(visit: Visit) -> tuple[Record, Outcome]:
    record = record_of(visit)
    outcome = record.outcome
    if outcome is None or not outcome.changes_something:
        raise Refused("There is no finished plan that changes something to decide about.")
    return record, outcome
