"""Dead letters as tables for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType

from cli.tables import table, when
from worker.ledger import DeadLetter


def letter_document(letter: DeadLetter) -> dict[str, Any]:
    """JSON values."""
    error = letter.error
    return {
        "account": letter.account,
        "job_id": letter.job_id,
        "product_id": letter.product_id,
        "idempotency_key": letter.key,
        "lane": letter.lane.value,
        "payload": dict(letter.payload),
        "error": {"type": type(error).__name__, "message": str(error)},
        "attempts": letter.attempts,
        "accepted_at": _moment(letter.accepted_at).isoformat(),
        "failed_at": _moment(letter.failed_at).isoformat(),
        "history": [
            {"at": _moment(failure.at).isoformat(), "error": failure.says}
            for failure in letter.history
        ],
    }


def letter_table(account: str, letters: list[DeadLetter]) -> RenderableType:
    """A line each."""
    if not letters:
        return f"account {account} has no such dead letters"
    return table(
        "failed",
        "job",
        "product",
        "lane",
        "attempts",
        "error",
        "finding",
        rows=(
            (
                when(_moment(letter.failed_at)),
                letter.job_id,
                letter.product_id,
                letter.lane.value,
                letter.attempts,
                type(letter.error).__name__,
                str(letter.error),
            )
            for letter in letters
        ),
    )


def letter_details(letter: DeadLetter) -> Iterator[RenderableType]:
    """All that is known of one."""
    facts = letter_document(letter)
    error = facts.pop("error")
    history = [(entry["at"], entry["error"]) for entry in facts.pop("history")]
    payload = facts.pop("payload")
    rows = [*facts.items(), *((f"payload: {name}", value) for name, value in payload.items())]
    yield table("", "", rows=rows)
    last = (facts["failed_at"], f"{error['type']}: {error['message']}")
    yield table("attempt at", "error", rows=[*history, last])


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
