"""Which campaigns have touched a product."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.results.row_results import RowResult
from campaigns.run.spec import RunSpec
from campaigns.store import OperatorStore
from campaigns.store.keys import ROWS_PER_CHUNK

_RUNS = 1000


@dataclass(frozen=True, slots=True)
class Touched:
    """A row of a campaign that meant the product."""

    spec: RunSpec
    result: RowResult


def campaigns_of(store: OperatorStore, product_id: int) -> list[Touched]:
    """The newest run first."""
    touched = []
    for run in store.runs(_RUNS):
        keys = store.keys(run)
        for index in store.chunks.positions(keys, product_id):
            spec = store.view(run).state.spec
            row = store.chunks.rows(keys, [index])[index]
            outcome, at = store.outcomes(run, index // ROWS_PER_CHUNK).get(index, ("", 0))
            detail = store.details(run, [index]).get(index, {})
            touched.append(Touched(spec, RowResult(row, outcome, at, detail)))
    return touched
