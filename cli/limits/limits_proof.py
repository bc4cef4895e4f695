"""What `revio limits verify` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import RenderableType

from cli.tables import counted, table, when
from worker.limiter.call_record import LimitProof


def proof_document(proof: LimitProof) -> dict[str, Any]:
    """JSON values; times are Unix times in seconds."""
    return {"holds": proof.limits_held, **asdict(proof)}


def proof_tables(proofs: Mapping[str, LimitProof]) -> Iterator[RenderableType]:
    """For people, by account."""
    for account, proof in proofs.items():
        yield table(
            "window",
            "most calls",
            "limit",
            "when",
            rows=_rows(proof),
            title=f"account {account}: {_verdict(proof)}",
        )
        if proof.breaches:
            yield table(
                "window",
                "calls",
                "limit",
                "from",
                "to",
                rows=(
                    (
                        breach.window,
                        breach.calls,
                        breach.limit,
                        _at(breach.began_at),
                        _at(breach.ended_at),
                    )
                    for breach in proof.breaches
                ),
                title=f"{counted(proof.breach_count, 'time')} over the limit, the first:",
            )


def _verdict(proof: LimitProof) -> str:
    if proof.first_at is None or proof.last_at is None:
        return "no calls are on record"
    held = "the limits held" if proof.limits_held else "THE LIMITS DID NOT HOLD"
    calls = counted(proof.calls, "call")
    return f"{held} for {calls} from {_at(proof.first_at)} to {_at(proof.last_at)}"


def _rows(proof: LimitProof) -> Iterator[tuple[object, ...]]:
    until = _at(proof.most_at) if proof.most_at else None
    yield "any 60 seconds", proof.most_in_a_minute, proof.limit_per_minute, until
    for day in proof.days:
        yield "day", day.calls, proof.limit_per_day, f"from {_at(day.began_at)}"


def _at(moment: float) -> str:
    return when(datetime.fromtimestamp(moment, UTC))
