"""A process that plans may die in any way: the console says so and goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from console.plans.pool import PlanningPool
from console.plans.record import Outcome, Record, Wanted, Withdrawal
from console.plans.shelf import Shelf
from tests.patience import PATIENCE_S


@pytest.fixture
def record(tmp_path: Path) -> Record:
    record = Shelf(tmp_path).new("default", "once")
    record.ask(Wanted(record.directory.name, "default", "june", "ann", 0.0))
    return record


@pytest.fixture
def pools() -> Iterator[list[PlanningPool]]:
    made: list[PlanningPool] = []
    yield made
    for pool in made:
        pool.close()


def outcome_of(
    record: Record, pools: list[PlanningPool], code: str, patience_s: float = PATIENCE_S
) -> Outcome:
    pool = PlanningPool(1, patience_s, (sys.executable, "-c", code))
    pools.append(pool)
    pool.plan(record)
    deadline = time.monotonic() + PATIENCE_S
    while (outcome := record.outcome) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return outcome


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise SystemExit('no room')", "no room"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("pass", "its process failed"),
    ],
)
def test_a_process_that_ends_without_an_answer_is_told_simply_and_logged_wholly(
    record: Record, pools: list[PlanningPool], code: str, why: str
) -> None:
    with capture_logs() as logs:
        outcome = outcome_of(record, pools, code)
    assert outcome.verdict == "failed"
    assert "a fault of the console, not of your list" in outcome.error[0]
    assert record.directory.name in outcome.error[1]
    [logged] = logs
    assert (logged["event"], logged["plan"]) == ("console_planning_failed", record.directory.name)
    assert why in logged["why"]
    assert why not in " ".join(outcome.error)


def test_planning_whose_end_cannot_be_stored_is_logged_and_told_until_it_is_tried_again(
    record: Record, pools: list[PlanningPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_record: Record, _outcome: Outcome) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Record, "end", full)
    pool = PlanningPool(1, PATIENCE_S, (sys.executable, "-c", "pass"))
    pools.append(pool)
    with capture_logs() as logs:
        pool._run(record)
    assert "No space left" in logs[-1]["why"]
    assert record.directory.name in pool.trouble(record)
    monkeypatch.undo()
    assert outcome_of(record, [pool], "pass").verdict == "failed"
    pool.plan(record)
    assert pool.trouble(record) == ""


def test_a_process_that_takes_too_long_is_ended(record: Record, pools: list[PlanningPool]) -> None:
    outcome = outcome_of(record, pools, "import time; time.sleep(600)", patience_s=0.3)
    assert "longer than 0.3 seconds" in outcome.error[0]


def test_settings_that_are_wrong_are_no_fault_of_who_asks(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIO_SECRETS_DIR", "/nowhere/at/all")
    with capture_logs() as logs:
        planning = PlanningPool(1, PATIENCE_S)
        planning._run(record)
        planning.close()
    assert record.outcome
    assert "REVIO_SECRETS_DIR" not in " ".join(record.outcome.error)
    assert "'/nowhere/at/all' is not a directory" in logs[0]["why"]


def test_the_same_form_twice_is_one_record(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.new("default", "a").directory == shelf.new("default", "a").directory
    assert shelf.new("default", "a").directory != shelf.new("default", "b").directory
    assert shelf.new("east", "a").directory != shelf.new("default", "a").directory


def test_uploads_of_forms_that_were_never_sent_again_go_after_a_day(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    left, asked = shelf.new("default", "left"), shelf.new("default", "asked")
    left.file("june.csv").write_text("id,rate\n")
    asked.ask(Wanted(asked.directory.name, "default", "june", "ann", 1.0))
    shelf.sweep(time.time() + 3600)
    assert left.directory.is_dir()
    shelf.sweep(time.time() + 2 * 86_400)
    assert not left.directory.exists()
    assert asked.is_asked


def test_a_plan_is_replaced_by_the_latest_try_that_came_to_something(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    old, failed, good = (shelf.new("default", name) for name in ("old", "failed", "good"))
    for record in (failed, good):
        record.ask(Wanted(record.directory.name, "default", "june", "ann", 1.0))
        old.note_replaced(record.directory.name)
    failed.end(Outcome("failed"))
    assert old.replacement is not None
    assert old.replacement.directory == good.directory  # while it is being planned, too
    good.end(Outcome("changes", digest="d", rows={"change": 1}))
    assert old.replacement is not None
    good.withdraw(Withdrawal("ann", 2.0, "wrong"))
    assert old.replacement is None


def test_a_record_counts_once_it_is_stored_as_a_whole(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    record = shelf.new("default", "a")
    name = record.directory.name
    assert shelf.record("default", name) is None
    record.ask(Wanted(name, "default", "june", "ann", 1.0))
    assert [found.wanted.name for found in shelf.unplanned()] == ["june"]
    record.end(Outcome("changes", read_as=(("rows", "3"),)))
    assert list(shelf.unplanned()) == []
    assert record.outcome == Outcome("changes", read_as=(("rows", "3"),))


@pytest.mark.parametrize("name", ["..", "../default", "x", ""])
def test_a_name_that_is_not_a_records_names_nothing(tmp_path: Path, name: str) -> None:
    assert Shelf(tmp_path).record("default", name) is None
