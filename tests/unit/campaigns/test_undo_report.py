"""What an undo leaves alone is listed in full in a file, and in part everywhere else."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

from campaigns.results.undo_report import LeftRow, UndoReport, Why, reporting
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.source.table import Form


def test_of_many_products_a_few_are_kept_and_all_are_written_in_the_inputs_form(
    tmp_path: Path,
) -> None:
    path = tmp_path / "left.csv"
    with reporting(Form("csv", ("id",), ";", "cp1252", decimal_comma=True), path) as report:
        report.add(LeftRow(Why.EDITED, 1, 1001, "description=Prämie"))
        for one in range(2, 1002):
            report.add(LeftRow(Why.BILLED, one, None, "", "2026-06-30", Decimal("0.50")))
    assert report.counts == {Why.EDITED: 1, Why.BILLED: 1000}
    assert len(report.of(Why.BILLED)) == 20
    assert not report.of(Why.NOT_UNDONE)
    assert report.charged_more == 500
    written = list(csv.reader(path.read_text("cp1252").splitlines(), delimiter=";"))
    assert written[:3] == [
        ["id", "customer_id", "what", "says", "billed_through", "charged_more"],
        ["1", "1001", "edited", "description=Prämie", "", ""],
        ["2", "", "billed", "", "2026-06-30", "0,50"],
    ]
    assert len(written) == 1002


def test_a_row_that_the_undo_cannot_plan_is_left_as_a_whole_and_named() -> None:
    report, seen = UndoReport(), {"customer_id": 1001}
    for kind in RowClass:
        report.note(PlannedRow(kind, 2, 5001, seen=seen, says=("the vendor cannot empty code1",)))
    says = "nothing of it is taken back: the vendor cannot empty code1"
    left = LeftRow(Why.NOT_UNDONE, 5001, 1001, says)
    assert report.of(Why.NOT_UNDONE) == [left, left]
