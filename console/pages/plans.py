"""A plan: asked for, looked at, approved or sent back, applied."""

from __future__ import annotations

import json
import shutil

from starlette.responses import FileResponse, Response

from campaigns import Only, RunRequest
from campaigns.start import parse_canary
from cli.campaign.control import rate_of
from cli.campaign.options import sending_hours, start_time
from console.pages.plan_form import (
    IGNORED,
    SOURCE_DIRECTORY,
    TARGETS,
    fields_of,
    plan_name,
    shown_fields,
    store_upload,
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

_DOWNLOADS = {PLAN: "plan", PAGE: "html", WORKBOOK: "xlsx", LEFT: "csv"}


def show_form(visit: Visit) -> Response:
    """Of a new plan."""
    return visit.page("plan_new.html.j2", fields=shown_fields({}))


def ask(visit: Visit) -> Response:
    """Store the upload and what is to be done with it, then plan it in a process of its own."""
    file, fields = uploaded(visit), fields_of(visit)
    has_owners = fields.get("customers") or fields.get("lines")
    if not file and not has_owners:
        raise Refused("Choose a price list, or name customers or lines and a rule for their rates.")
    if file and has_owners:
        raise Refused("Choose a file, or name customers and lines, not both.")
    title = file.filename or "" if file else ""
    name = plan_name(visit, title)
    record = new_record(visit)
    source = store_upload(file, record.directory) if file else ""
    return begin(visit, record, name=name, source=source, source_title=title, fields=fields)


def ask_again(visit: Visit) -> Response:
    """Plan the same upload otherwise: a new plan, beside the old one."""
    old = record_of(visit)
    wanted = old.wanted
    fields, record = fields_of(visit), new_record(visit)
    if wanted.kind != "plan":
        fields = {**wanted.fields, **fields}
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
        return visit.page(
            "plan_problems.html.j2",
            wanted=record.wanted,
            outcome=outcome,
            nothing=nothing_in_words(record.wanted, outcome),
            fields=shown_fields(record.wanted.fields),
            asks=outcome.asks,
            has_failed=outcome.verdict == FAILED,
            targets=TARGETS,
            ignored=IGNORED,
        )
    return _show_review(visit, record, outcome)


def show_progress(visit: Visit) -> Response:
    """A part of the page above; when planning has ended, the browser is told to load it anew."""
    record = record_of(visit)
    if record.outcome is None:
        return visit.page("planning_part.html.j2", progress=record.progress, wanted=record.wanted)
    return Response(headers={"HX-Refresh": "true"})


def _show_review(visit: Visit, record: Record, outcome: Outcome) -> Response:
    campaigns = visit.campaigns.campaigns
    review = json.loads(record.file(REVIEW).read_text(encoding="utf-8"))
    author, approval = record.wanted.author, campaigns.store.approval(outcome.digest)
    why_not = approval and campaigns.why_not_counted(outcome.digest, author, approval)
    has_left = record.file(LEFT).exists()
    return visit.page(
        "plan.html.j2",
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
    canary, start, rate = visit.text("canary"), visit.text("start"), visit.text("rate")
    request = RunRequest(
        by=visit.name,
        reason=visit.text("reason"),
        canary=parse_canary(canary) if canary else None,
        start_at=start_time(start, campaigns.terms.time) if start else None,
        sending_hours=sending_hours(visit.text("window"), campaigns.terms.zone),
        rate=rate_of(rate) if rate else None,
    )
    campaigns.apply(campaigns.open(record.file(PLAN)), request)
    return visit.go(f"runs/{outcome.run}")


def _planned(visit: Visit) -> tuple[Record, Outcome]:
    record = record_of(visit)
    outcome = record.outcome
    if outcome is None or not outcome.changes_something:
        raise Refused("There is no finished plan that changes something to decide about.")
    return record, outcome
