"""Whether a product is as a row wants it: only what a query shows can say so."""

from __future__ import annotations

from typing import Any, cast

import pytest

from campaigns.rows.ended_row import RowOutcome
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.run.row_end import end_unsent
from revio_jobs.contracts import CustomerProductRecord


def record(**values: Any) -> CustomerProductRecord:
    return cast("CustomerProductRecord", {"status": "ACTIVE", "rate": "10.00", **values})


@pytest.mark.parametrize(
    ("after", "clear", "outcome"),
    [
        ({"rate": "12.00"}, (), RowOutcome.ALREADY_DONE),
        ({"rate": "12.00", "do_not_prorate": True}, (), RowOutcome.DRIFTED),
        ({"rate": "12.00"}, ("do_not_prorate",), RowOutcome.DRIFTED),
    ],
)
def test_a_row_with_a_flag_that_no_query_shows_is_never_already_done(
    after: dict[str, Any], clear: tuple[str, ...], outcome: RowOutcome
) -> None:
    before = {"rate": "10.00", "do_not_prorate": None}
    row = PlannedRow(RowClass.CHANGE, 2, 1, before, after, clear, {"status": "ACTIVE"})
    assert end_unsent(0, row, record(), 0.0) is None
    ended = end_unsent(0, row, record(rate="12.00"), 0.0)
    assert ended
    assert ended.outcome is outcome
    assert row.would_be_done({"rate": "12.00"}) is (outcome is RowOutcome.ALREADY_DONE)


def test_what_cannot_be_read_back_is_not_held_against_a_row() -> None:
    row = PlannedRow(RowClass.CHANGE, 2, 1, after={"rate": "12.00"}, clear=("do_not_prorate",))
    assert row.unapplied(record(rate="12.00")) == {}
    assert row.unapplied(record()) == {"rate": "10.00"}
