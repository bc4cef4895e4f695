"""The updates that have ended, in order, as `settle.lua` records them.

Kept for as long as results are. `revio history` writes them to files, which stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from revio_jobs.ledger_keys import LedgerKeys

_AT_ONCE = 500
FIRST = "-"

_Entries = list[tuple[bytes, dict[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class EndedUpdate:
    """One update, at its end."""

    entry: str
    """Its id in Redis, from which reading continues."""
    number: int
    """Counted from 1 in each account, without gaps."""
    account: str
    job_id: str
    lane: str
    sequence: int
    """Its place in the order of submissions."""
    payload: Mapping[str, Any]
    """The job's kwargs."""
    accepted_at: float
    """Unix time, seconds."""
    ended_at: float
    attempts: int
    """Failed attempts before the last one."""
    failures: tuple[tuple[float, str], ...]
    """The last of those, each with its Unix time and what went wrong."""
    how: str
    """The outcome's name, or the class of the error."""
    outcome: Mapping[str, Any]
    """The result under `ok`, or the error with what the vendor said."""


class History:
    """Reads the ended updates of any account. Every method raises RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def first(self, account: str) -> EndedUpdate | None:
        """The oldest that Redis still has; None if it has none."""
        return next(self._read(account, FIRST), None)

    def since(self, account: str, at: float) -> Iterator[EndedUpdate]:
        """Updates that ended at that Unix time or later, oldest first."""
        return self._read(account, str(max(round(at * 1000), 0)))

    def after(self, account: str, entry: str) -> Iterator[EndedUpdate]:
        """Updates that ended after the one with that id, oldest first; all of them for `FIRST`."""
        return self._read(account, entry if entry == FIRST else f"({entry}")

    def _read(self, account: str, start: str) -> Iterator[EndedUpdate]:
        key = LedgerKeys(account).history
        # redis-py's type has also what XAUTOCLAIM says of deleted entries.
        while entries := cast("_Entries", self._redis.xrange(key, start, "+", count=_AT_ONCE)):
            for entry, fields in entries:
                yield _update(account, _text(entry), fields)
            start = f"({_text(entries[-1][0])}"


def _update(account: str, entry: str, stored: Mapping[Any, Any]) -> EndedUpdate:
    fields = {_text(name): _text(value) for name, value in stored.items()}
    failures: list[Any] = json.loads(fields.get("history", "[]"))
    return EndedUpdate(
        entry=entry,
        number=int(fields["number"]),
        account=account,
        job_id=fields["job"],
        lane=fields["lane"],
        sequence=int(fields["sequence"]),
        payload=json.loads(fields["payload"]),
        accepted_at=int(fields["accepted"]) / 1000,
        ended_at=int(fields["at"]) / 1000,
        attempts=int(fields["attempts"]),
        failures=tuple((at_ms / 1000, why) for at_ms, why in failures),
        how=fields["how"],
        outcome=json.loads(fields["outcome"]),
    )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
