"""The record of a plan that a page is about, and a new one for what a form asks for."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from console.plans.record import Record, Wanted
from console.visit import NotFound, Refused, Visit


def record_of(visit: Visit) -> Record:
    """Of the path. Raises NotFound."""
    record = visit.console.shelf.record(visit.account, visit.params["plan"])
    if record is None:
        raise NotFound("There is no such plan, or it is of another account.")
    return record


def new_record(visit: Visit) -> Record:
    """Of the form's own random text: the same form always has the same. Raises Refused."""
    once = visit.text("once")
    if not once:
        raise Refused("The form is incomplete: reload its page.")
    return visit.console.shelf.new(visit.account, once)


def begin(
    visit: Visit,
    record: Record,
    *,
    name: str,
    replaces: Record | None = None,
    **asked: Any,  # noqa: ANN401 - fields of Wanted
) -> Response:
    """Plan it. A form that comes twice finds its record asked for, and leaves it as it is."""
    if not record.is_asked:
        record.ask(
            Wanted(
                id=record.directory.name,
                account=visit.account,
                name=name,
                author=visit.name,
                asked_at=visit.console.clock(),
                replaces=replaces.directory.name if replaces else "",
                **asked,
            )
        )
        if replaces:
            replaces.note_replaced(record.directory.name)
    visit.console.pool.plan(record)
    return visit.go(f"plans/{record.directory.name}")
