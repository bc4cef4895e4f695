"""The plan file: frozen, whole, and told apart from everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.errors import PlanFileError
from campaigns.plan.plan_file import Header, Plan, keep, new_plan, open_plan
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.source.table import Form

HEADER = Header("June 2026", "default", "abc", "ann", "2026-06-01T00:00:00+00:00", form=Form())
ROWS = [
    PlannedRow(
        RowClass.CHANGE,
        2,
        5001,
        before={"rate": "10.0000"},
        after={"rate": "10.50"},
        seen={"rate": "10.0000", "quantity": 3},
        cells=("5001", "10,50", "Prämie"),
    ),
    PlannedRow(RowClass.PROBLEM, 3, 0, says=("no id",), cells=("", "1")),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "june.plan"
    with new_plan(path, HEADER) as writer:
        for row in ROWS:
            writer.add(row)
        keep(path, writer)
    return path


def test_a_plan_reads_back_as_it_was_written(path: Path) -> None:
    plan = open_plan(path)
    assert plan.header == HEADER
    assert list(plan.rows()) == ROWS
    assert list(plan.changes()) == ROWS[:1]
    assert (plan.summary.before, plan.summary.after) == (30, 31.5)
    assert plan.run == f"june-2026-{plan.digest[:10]}"
    assert list(path.parent.iterdir()) == [path]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_changed_byte_voids_it(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    changed = path.with_name("changed.plan")
    changed.write_bytes(content)
    with pytest.raises(PlanFileError):
        open_plan(changed)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a plan"),
        (b"id,rate\n", "is not a plan"),
        (b'{"revio_plan":2}\n', "format 2"),
        (b'{"revio_plan":1}\n', "damaged"),
    ],
)
def test_what_is_not_a_plan_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "x.plan").write_bytes(content)
    with pytest.raises(PlanFileError, match=told):
        open_plan(tmp_path / "x.plan")


def test_a_plan_that_is_cut_off_or_goes_on_is_told(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(PlanFileError, match="cut off"):
        open_plan(path)
    path.write_bytes(b"".join([*lines, b"{}\n"]))
    with pytest.raises(PlanFileError, match="changed"):
        open_plan(path)


def test_a_plan_changed_while_it_is_read_is_told(path: Path) -> None:
    plan = open_plan(path)
    lines = path.read_text().splitlines(keepends=True)
    row = {**json.loads(lines[1]), "after": {"rate": "99"}}
    path.write_text("".join([lines[0], json.dumps(row) + "\n", *lines[2:]]))
    with pytest.raises(PlanFileError, match="while it was read"):
        list(plan.rows())


def test_what_is_not_kept_leaves_no_file(tmp_path: Path) -> None:
    with new_plan(tmp_path / "x.plan", HEADER) as writer:
        writer.add(ROWS[0])
    assert not list(tmp_path.iterdir())


def test_two_plans_never_share_a_run(path: Path) -> None:
    other = path.with_name("other.plan")
    with new_plan(other, HEADER) as writer:
        writer.add(ROWS[0])
        keep(other, writer)
    runs: set[str] = {plan.run for plan in map(open_plan, (path, other))}
    assert len(runs) == 2
    assert isinstance(open_plan(other), Plan)
