"""Which products recent runs have changed, or are still to change."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache

from campaigns.guard_rails.repeat import RecentChange, RecentChanges
from campaigns.plan.plan_file import Header
from campaigns.rows.ended_row import UNCERTAIN, RowOutcome
from campaigns.run.state import RunState, Status
from campaigns.store.keys import ROWS_PER_CHUNK
from campaigns.store.operator_store import OperatorStore

_RUNS = 1000
_CHUNKS = 64
_OPEN = frozenset({Status.RUNNING, Status.PAUSED, Status.HALTED})
_CHANGED = frozenset({RowOutcome.APPLIED, RowOutcome.DIFFERS})


class RunHistory:
    """The history of one account's runs, for as long as they are kept."""

    def __init__(self, store: OperatorStore) -> None:
        self._store = store

    def since(self, at: float, *, except_run: str | None = None) -> RecentChanges:
        """The changes since `at` (Unix time), and those to come, without those of `except_run`.

        A change that an undo has taken back counts as little as the undo's own: the product is as
        it was. The runs are read when it is first asked for a product. Raises Unavailable then.
        """
        runs: list[_RunChanges] | None = None

        def recent(product_id: int) -> RecentChange | None:
            nonlocal runs
            if runs is None:
                runs = [run for run in self._runs(at) if run.name != except_run]
            changes = _left_standing(runs, product_id)
            return next((change for change in changes if _counts(change, at)), None)

        return recent

    def taken_back(self, header: Header) -> str:
        """The run that a plan takes back: an undo, or a retry of one; "" if it takes none back."""
        while header.kind == "retry" and header.of_run:
            if not self._store.exists(header.of_run):
                return ""
            header = Header.of(self._store.view(header.of_run).state.spec.facts["header"])
        return (header.of_run or "") if header.kind == "undo" else ""

    def _runs(self, at: float) -> Iterator[_RunChanges]:
        for run in self._store.runs(_RUNS):
            if self._store.exists(run) and self._store.was_active_since(run, at):
                header = Header.of(self._store.view(run).state.spec.facts["header"])
                yield _RunChanges(self._store, run, self.taken_back(header))


def _left_standing(runs: Iterable[_RunChanges], product_id: int) -> Iterator[RecentChange]:
    """The changes of a product that no later run has taken back. `runs`: the newest first."""
    undone: set[str] = set()
    for run in runs:
        change = run.change_of(product_id)
        if change is None or run.name in undone:
            continue
        if run.takes_back and change.is_as_planned:
            undone.add(run.takes_back)
        else:
            yield change


def _counts(change: RecentChange, at: float) -> bool:
    return change.at is None or change.at >= at


class _RunChanges:
    """One run's rows by product: 8 bytes for each, where a dict takes above 100."""

    def __init__(self, store: OperatorStore, run: str, takes_back: str) -> None:
        """`takes_back`: see `RunHistory.taken_back`."""
        self.name = run
        self.takes_back = takes_back
        self._store = store
        self._state: RunState = store.view(run).state
        self._rule = _rule_of(Header.of(self._state.spec.facts["header"]))
        ids = store.chunks.ids(store.keys(run))
        order = sorted(range(len(ids)), key=ids.__getitem__)
        self._ids = array(ids.typecode, (ids[place] for place in order))
        self._rows = array("I", order)
        # Rows come in the order of a list, which often is that of the run.
        self._outcomes = lru_cache(_CHUNKS)(self._read_outcomes)
        self._errors = lru_cache(_CHUNKS)(self._read_errors)

    def change_of(self, product_id: int) -> RecentChange | None:
        place = bisect_left(self._ids, product_id)
        if place == len(self._ids) or self._ids[place] != product_id:
            return None
        row = self._rows[place]
        outcome, at = self._outcomes(row // ROWS_PER_CHUNK).get(row, ("", 0))
        if outcome in _CHANGED:
            whole = outcome == RowOutcome.APPLIED
            return RecentChange(self.name, self._rule, at, is_as_planned=whole)
        if outcome == RowOutcome.FAILED and row in self._errors(row // ROWS_PER_CHUNK):
            return RecentChange(self.name, self._rule, at, is_certain=False)
        if not outcome and (self._state.status in _OPEN or row in self._state.in_flight):
            return RecentChange(self.name, self._rule, None, self._state.status.value)
        return None

    def _read_outcomes(self, chunk: int) -> dict[int, tuple[str, int]]:
        return self._store.outcomes(self.name, chunk)

    def _read_errors(self, chunk: int) -> frozenset[int]:
        """The chunk's rows of which nobody knows what became of them."""
        outcomes = self._outcomes(chunk)
        failed = [row for row, (outcome, _) in outcomes.items() if outcome == RowOutcome.FAILED]
        details = self._store.details(self.name, failed)
        return frozenset(row for row, detail in details.items() if detail["error"] == UNCERTAIN)


def _rule_of(header: Header) -> str:
    """What the run was about, in a few words."""
    if header.kind != "plan":
        return f"{header.kind} of {header.of_run}"
    rules = ", ".join(f"{name}={text}" for name, text in header.rules.get("set", {}).items())
    return " and ".join(part for part in (header.source, rules) if part)
