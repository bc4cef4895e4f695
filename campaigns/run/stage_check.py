"""Reads back what a stage has changed, and compares it with the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from campaigns.rows.ended_row import EndedRow, RowOutcome
from campaigns.run.backoff_reader import BackoffReader
from campaigns.run.leased_run import LeasedRun
from campaigns.run.share import Allowance
from campaigns.run.state import RunState, RunStep
from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import UnreadableRecord

# Rows whose outcomes are loaded at once.
_LOOKED_AT = 2000
_AGAIN_AFTER_S = 1.0


@dataclass
class StageCheck:
    """Goes over a stage's applied rows, one call at a time.

    A query may lag behind the change: rows that differ are read again until `patience_s` is over.
    """

    allowance: Allowance
    patience_s: float
    _differs_since: float | None = None
    _again_at: float = 0.0

    def step(
        self,
        state: RunState,
        leased: LeasedRun,
        reader: BackoffReader,
        ids_per_call: int,
        now: float,
    ) -> RunStep | None:
        """Read back the next applied rows, in at most one call of `ids_per_call` products.

        Returns what to record, or None if nothing can be recorded yet: the reader backs off, the
        run's rate allows no call, or rows differ and `patience_s` is not over. `now`: Unix time,
        seconds. Raises Unavailable.
        """
        if 0 < self._again_at - now <= _AGAIN_AFTER_S:
            return None
        applied, end = _applied(state, leased, ids_per_call)
        if not applied:
            return RunStep(checked=end)
        if not self.allowance.room(state.rate, now):
            return None
        rows = leased.rows(applied)
        products = reader.read([row.id for row in rows.values()])
        if products is None:
            return None
        self.allowance.spend_read()
        differing = {
            at: unlike
            for at, row in rows.items()
            if (unlike := _differences(products.get(row.id), row.unapplied))
        }
        if differing and self._waits(now):
            return None
        self._differs_since = None
        ended = [
            EndedRow(at, RowOutcome.DIFFERS, now, {"found": has}) for at, has in differing.items()
        ]
        return RunStep(ended=ended, checked=end, waits="")

    def _waits(self, now: float) -> bool:
        # A clock that was set back must not lengthen the wait.
        self._differs_since = min(self._differs_since or now, now)
        self._again_at = now + _AGAIN_AFTER_S
        return now - self._differs_since < self.patience_s


def _applied(state: RunState, leased: LeasedRun, ids_per_call: int) -> tuple[list[int], int]:
    """The next applied rows of the stage, as many as a call holds, and the row after the last."""
    first = state.checked
    end = min(first + max(_LOOKED_AT, ids_per_call), state.stage_ends)
    outcomes = leased.outcomes(first, end)
    applied = sorted(at for at, outcome in outcomes.items() if outcome == RowOutcome.APPLIED)
    if len(applied) > ids_per_call:
        return applied[:ids_per_call], applied[ids_per_call]
    return applied, end


def _differences(
    record: CustomerProductRecord | UnreadableRecord | None,
    compare: Callable[[CustomerProductRecord], dict[str, object]],
) -> dict[str, object]:
    if isinstance(record, UnreadableRecord):
        return {record.field or "customer_product_id": str(record)}
    return {"customer_product_id": None} if record is None else compare(record)
