"""What is asked to be planned: a new list, the same once more, a run's retry or undo."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.responses import Response

from campaigns import Only
from console.pages.plan_faults import plan_faults
from console.pages.plan_form import (
    COLUMN,
    NAME_CHARACTERS,
    SOURCE_DIRECTORY,
    fields_of,
    plan_name,
    shown_fields,
    store_upload,
    stored_upload,
    uploaded,
)
from console.pages.plan_record import begin, new_record, record_of
from console.pages.plans import show_problems
from console.plans.record import (
    LEFT_OUT,
    Record,
    Wanted,
)
from console.visit import Refused, Visit


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
        HTTPStatus.UNPROCESSABLE_ENTITY if faults else 200,
        fields=shown_fields(fields or {}, faults),
        name=visit.text("name"),
        stored=Path(source).name,
        **again,
    )


def ask_again(visit: Visit) -> Response:
    """Plan the same upload otherwise, or a corrected one likewise: a new plan for the old one."""
    old = record_of(visit)
    wanted, file = old.wanted, uploaded(visit)
    fields, record = _fields_again(visit, wanted), new_record(visit)
    faults = plan_faults(fields, visit.campaigns.campaigns.terms, visit.console.clock())
    if faults and not record.is_asked and old.outcome and not old.outcome.changes_something:
        return show_problems(visit, old, old.outcome, fields, faults)
    if not record.is_asked:
        source = _source_again(old, record, file)
        if wanted.of_plan and not file:
            shutil.copyfile(old.file(LEFT_OUT), record.file(LEFT_OUT))
    else:
        source = record.wanted.source
    return begin(
        visit,
        record,
        name=visit.text("name")[:NAME_CHARACTERS] or wanted.name,
        kind="plan" if file else wanted.kind,
        source=source,
        source_title=file.filename or "" if file else wanted.source_title,
        of_run="" if file else wanted.of_run,
        of_plan="" if file else wanted.of_plan,
        replaces=old,
        reason=wanted.reason,
        only=wanted.only,
        fields=fields,
    )


def _fields_again(visit: Visit, wanted: Wanted) -> dict[str, Any]:
    """What the form states; and of what it does not ask, what was stated before."""
    fields = fields_of(visit)
    if visit.text("keep") or wanted.kind != "plan":
        return {**wanted.fields, **fields}
    if not any(name.startswith(COLUMN) for name in visit.form):
        kept = {
            name: wanted.fields[name] for name in ("columns", "ignored") if name in wanted.fields
        }
        return {**kept, **fields}
    return fields


def _source_again(old: Record, record: Record, file: UploadFile | None) -> str:
    """Its place in the new record."""
    if file:
        return store_upload(file, record.directory)
    if old.source:
        (record.directory / SOURCE_DIRECTORY).mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(old.source, record.file(old.wanted.source))
    return old.wanted.source


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
