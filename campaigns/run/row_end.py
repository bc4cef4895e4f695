"""The keys of a row's jobs, and how a row ends."""

from __future__ import annotations

from campaigns.rows.ended_row import EndedRow, RowOutcome
from campaigns.rows.planned_row import PlannedRow
from campaigns.run.ports import JobEnd
from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.errors import InvalidJob
from tasks.ports import UnreadableRecord


def row_key(run: str, product_id: int, number: int) -> str:
    """The idempotency key of a row's job; a row that was withdrawn gets the next number."""
    return f"campaign:{run}:{product_id}" + (f":{number}" if number else "")


def ending(at: int, answer: JobEnd, row: PlannedRow, now: float) -> EndedRow:
    """How a row ends whose job has ended with `answer`. `now`: Unix time, seconds."""
    if answer.result is None:
        return EndedRow(at, RowOutcome.FAILED, now, {"error": answer.error, "says": answer.says})
    outcome = RowOutcome(answer.result["outcome"])
    found = answer.result.get("found") or {}
    if outcome is RowOutcome.DRIFTED and row.would_be_done(found):
        # The job was sent before, and what it wrote is there; only its record was lost.
        return EndedRow(at, RowOutcome.APPLIED, now)
    return EndedRow(at, outcome, now, {"found": found} if found else {})


def end_unsent(
    at: int,
    row: PlannedRow,
    record: CustomerProductRecord | UnreadableRecord | None,
    read_at: float,
) -> EndedRow | None:
    """How a row ends without being sent; None if it has to be sent."""
    if record is None:
        problem = {"error": "Rejected", "says": "there is no such product"}
        return EndedRow(at, RowOutcome.FAILED, read_at, problem)
    if isinstance(record, UnreadableRecord):
        problem = {"error": "Unreadable", "says": str(record)}
        return EndedRow(at, RowOutcome.FAILED, read_at, problem)
    drift = row.drift(record)
    if not drift:
        return None
    if row.is_done(record):
        return EndedRow(at, RowOutcome.ALREADY_DONE, read_at)
    return EndedRow(at, RowOutcome.DRIFTED, read_at, {"found": drift})


def refused(at: int, error: InvalidJob, now: float) -> EndedRow:
    """How a row ends of which this release makes no job, though an earlier one planned it."""
    detail = {"error": type(error).__name__, "says": str(error)}
    return EndedRow(at, RowOutcome.FAILED, now, detail)
