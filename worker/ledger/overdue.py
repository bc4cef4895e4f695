"""Whether anybody sweeps: what the sweep should have put into its queue again lies there due.

A sweep that has stopped raises no error anywhere, and what it does not do is missing from no book.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from revio_jobs.ledger_keys import LedgerKeys

OVERDUE_AFTER_S = 300.0
"""The sweep comes every few seconds, and takes hundreds of updates each time."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """An update whose worker's lease has ended, or whose next attempt is due."""

    job_id: str
    seconds: float
    """For how long."""

    @property
    def is_forgotten(self) -> bool:
        """Whether a sweep would have put it back long ago."""
        return self.seconds > OVERDUE_AFTER_S


def overdue_updates(redis: Redis, accounts: Sequence[str]) -> Mapping[str, Overdue]:
    """By account, the update that has been due for longest; none is where none is due.

    Raises RedisError.
    """
    with redis.pipeline(transaction=False) as pipeline:
        for keys in map(LedgerKeys, accounts):
            pipeline.zrange(keys.running, 0, 0, withscores=True)
            pipeline.zrange(keys.delayed, 0, 0, withscores=True)
        pipeline.time()
        *firsts, (seconds, micros) = pipeline.execute()
    now_ms = seconds * 1000 + micros / 1000
    oldest = {
        account: _oldest(running + delayed, now_ms)
        for account, running, delayed in zip(accounts, firsts[::2], firsts[1::2], strict=True)
    }
    return {account: update for account, update in oldest.items() if update}


def _oldest(entries: Sequence[tuple[Any, float]], now_ms: float) -> Overdue | None:
    """`entries`: ids with the times at which they are due, in milliseconds."""
    due = [(at_ms, job_id.decode()) for job_id, at_ms in entries if at_ms < now_ms]
    if not due:
        return None
    at_ms, job_id = min(due)
    return Overdue(job_id, (now_ms - at_ms) / 1000)
