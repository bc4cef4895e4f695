"""From the form of a new plan to what is stored of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile

from campaigns.export import EXPORTABLE
from console.visit import Refused, Visit

SOURCE_DIRECTORY = "source"
_EXPECTED = "expected:"
TARGETS = ("id", *EXPORTABLE, *(f"{_EXPECTED}{name}" for name in EXPORTABLE))
"""What a column can be said to be."""
IGNORED = "ignore"
_LINES = ("sets", "rails", "overrides", "sheets")
_LISTS = ("customers", "lines")
_TEXTS = (
    *("where", "round_step", "round_mode", "charm", "effective"),
    *("header_line", "hidden_rows", "rates", "encoding", "decimal"),
)
_CHECKS = ("skip_problems", "with_disconnected")
_UNSAFE = re.compile(r"[^\w .()+-]+")
_BETWEEN = re.compile(r"[\s,;]+")
"""What people write between two IDs."""
NAME_CHARACTERS = 100
COLUMN = "column:"
_OVERRIDE = "override:"


def fields_of(visit: Visit) -> dict[str, Any]:
    """Rules, guard rails and what is stated about the file; JSON values."""
    named: dict[str, Any] = {name: visit.text(name) for name in _TEXTS}
    named |= {name: visit.texts(name) for name in _LINES}
    named |= {name: _BETWEEN.sub(" ", visit.text(name)).split() for name in _LISTS}
    named["overrides"] += _reasons(visit)
    named |= {name: visit.is_checked(name) for name in _CHECKS}
    columns = dict(_columns(visit))
    named["columns"] = [f"{title}={to}" for title, to in columns.items() if to != IGNORED]
    named["ignored"] = [title for title, to in columns.items() if to == IGNORED]
    return {name: value for name, value in named.items() if value}


def target_words(target: str) -> str:
    """What a column can be said to be, for people."""
    field = target.removeprefix(_EXPECTED)
    words = "product's ID" if field == "id" else field.replace("_", " ")
    return words if field == target else f"{words} until now: a row stops if Rev.io has another"


def shown_fields(
    fields: Mapping[str, Any], faults: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """For the form: what was stated, and nothing elsewhere; `faults`: words by field."""
    names = (*_TEXTS, *_LINES, *_LISTS, *_CHECKS, "columns", "ignored")
    return {**dict.fromkeys(names, ""), **fields, "faults": faults or {}}


def _columns(visit: Visit) -> Iterator[tuple[str, str]]:
    for name, value in visit.form.multi_items():
        if name.startswith(COLUMN) and isinstance(value, str) and value:
            if value not in {*TARGETS, IGNORED}:
                raise Refused(f"{value!r} is not something that a column can be.")
            yield name.removeprefix(COLUMN), value


def _reasons(visit: Visit) -> list[str]:
    """Of the fields beside the guard rails that are in the way."""
    reasons = {
        name.removeprefix(_OVERRIDE): " ".join(value.split())
        for name, value in visit.form.multi_items()
        if name.startswith(_OVERRIDE) and isinstance(value, str)
    }
    return [f"{rail}={reason}" for rail, reason in reasons.items() if reason]


def plan_name(visit: Visit, title: str) -> str:
    """What the person calls the plan, else what its file is called; "" if there is neither."""
    return (visit.text("name") or Path(title).stem)[:NAME_CHARACTERS]


def uploaded(visit: Visit) -> UploadFile | None:
    """The form's file, if one was chosen."""
    file = visit.form.get("file")
    return file if isinstance(file, UploadFile) and file.filename else None


def stored_upload(directory: Path) -> str:
    """The upload that a form with a fault has left there; "" if there is none."""
    files = sorted((directory / SOURCE_DIRECTORY).glob("*"))
    return f"{SOURCE_DIRECTORY}/{files[0].name}" if files else ""


def store_upload(file: UploadFile, directory: Path) -> str:
    """Keep it under a harmless name; on disk when this returns. The name, relative."""
    title = Path((file.filename or "").replace("\\", "/")).name
    name = _UNSAFE.sub("_", title).strip(" .")[-NAME_CHARACTERS:] or "upload"
    to = directory / SOURCE_DIRECTORY / name
    shutil.rmtree(to.parent, ignore_errors=True)  # another choice takes the place of the first
    to.parent.mkdir(mode=0o700)
    with to.open("wb") as stored:
        shutil.copyfileobj(file.file, stored)
        stored.flush()
        os.fsync(stored.fileno())
    return f"{SOURCE_DIRECTORY}/{name}"
