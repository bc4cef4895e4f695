"""The keys of a row's jobs, and how a row ends."""

from __future__ import annotations

from campaigns.run.row import Row
from campaigns.run.state import Answered, EndedRow, Outcome
from revio_jobs.contracts import CustomerProductRecord


def row_key(run: str, product_id: int, number: int) -> str:
    """The idempotency key of a row's job; a row that was withdrawn gets the next number."""
    return f"campaign:{run}:{product_id}" + (f":{number}" if number else "")


def ending(at: int, answer: Answered, row: Row, now: float) -> EndedRow:
    """Of a row whose job has ended."""
    if answer.result is None:
        return EndedRow(at, Outcome.FAILED, now, {"error": answer.error, "says": answer.says})
    outcome = Outcome(answer.result["outcome"])
    found = answer.result.get("found") or {}
    if outcome is Outcome.DRIFTED and row.would_show(found):
        # The job was sent before, and what it wrote is there; only its record was lost.
        return EndedRow(at, Outcome.APPLIED, now)
    return EndedRow(at, outcome, now, {"found": found} if found else {})


def end_unsent(
    at: int, row: Row, record: CustomerProductRecord | None, read_at: float
) -> EndedRow | None:
    """How a row ends that is not to be sent; None: it is."""
    if record is None:
        said = {"error": "Rejected", "says": "there is no such product"}
        return EndedRow(at, Outcome.FAILED, read_at, said)
    drift = row.drift(record)
    if not drift:
        return None
    if row.shows(record):
        return EndedRow(at, Outcome.ALREADY, read_at)
    return EndedRow(at, Outcome.DRIFTED, read_at, {"found": drift})
