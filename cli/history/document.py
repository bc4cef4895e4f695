"""An update of the history as a JSON document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from revio_jobs.contracts import CHANGE_NAMES
from worker.ledger import EndedUpdate


def document_of(update: EndedUpdate) -> dict[str, Any]:
    """What was to be changed, who asked, when, and how it ended."""
    payload = update.payload
    campaign = payload.get("campaign") or {}
    return {
        "number": update.number,
        "entry": update.entry,
        "account": update.account,
        "job": update.job_id,
        "idempotency_key": payload.get("idempotency_key"),
        "run": campaign.get("run"),
        "source": payload.get("source"),
        "lane": update.lane,
        "sequence": update.sequence,
        "product": payload.get("id"),
        "changes": {name: payload[name] for name in CHANGE_NAMES if name in payload},
        "clear": payload.get("clear", []),
        "expected": payload.get("expected"),
        "accepted_at": _time(update.accepted_at),
        "ended_at": _time(update.ended_at),
        "failed_attempts": update.attempts,
        "failures": [{"at": _time(at), "error": why} for at, why in update.failures],
        "outcome": update.how,
        "result": update.outcome.get("ok"),
        "error": update.outcome.get("error"),
    }


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
