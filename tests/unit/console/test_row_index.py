"""A plan's rows are found by page, search, filter and sort."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.plan.plan_file import Header, keep, new_plan, open_plan
from campaigns.rows.planned_row import PlannedRow, RowClass
from console.plans.record import PLAN, Record
from console.plans.row_index import PAGE_ROWS, RowIndex
from console.plans.row_query import UNTICKED, RowQuery
from console.plans.tick_store import TickStore

HEADER = Header("june", "default", "v", "ann", "2026-06-01T00:00:00+00:00")
ROWS = 120


def rows() -> Iterator[PlannedRow]:
    for n in range(ROWS):
        yield PlannedRow(
            RowClass.CHANGE if n % 3 else RowClass.SAME,
            line=n + 2,
            id=5000 + n,
            before={"rate": "10.00"},
            after={"rate": f"{10 + (n * 7) % 11}.00"},
            seen={
                "rate": "10.00",
                "quantity": 2,
                "customer_id": 1000 + n // 10,
                "description": "SIP 100%_trunk" if n % 2 else "<b>Seat</b>",
            },
            says=("change: too much",) if n == 5 else (),
            not_undoable="it was empty" if n == 7 else "",
        )


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> RowIndex:
    record = Record(tmp_path_factory.mktemp("index"))
    path = record.file(PLAN)
    with new_plan(path, HEADER) as writer:
        for row in rows():
            writer.add(row)
        keep(path, writer)
    return RowIndex.of(record)


def ids(index: RowIndex, **query: object) -> list[int]:
    return [row.id for row in index.find(RowQuery(**query)).rows]  # type: ignore[arg-type]


def test_every_row_is_on_exactly_one_page_in_the_plans_order(index: RowIndex) -> None:
    pages = [index.find(RowQuery(page=page)) for page in (1, 2, 3)]
    assert [len(page.rows) for page in pages] == [PAGE_ROWS, PAGE_ROWS, ROWS - 2 * PAGE_ROWS]
    assert [row.id for page in pages for row in page.rows] == [5000 + n for n in range(ROWS)]
    assert {page.pages for page in pages} == {3}
    assert [(page.first, page.last) for page in pages] == [(1, 50), (51, 100), (101, ROWS)]


def test_a_page_beyond_the_last_is_the_last(index: RowIndex) -> None:
    assert index.find(RowQuery(page=99)).page == 3
    assert index.find(RowQuery(page=0)).page == 1


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ("5007", 1),
        ("1003", 10),
        ("trunk", 60),
        ("100%_t", 60),
        ("%", 60),
        ("_x", 0),
        ("nothing", 0),
    ],
)
def test_a_search_finds_products_customers_and_descriptions(
    index: RowIndex, search: str, count: int
) -> None:
    assert index.find(RowQuery(search=search)).count == count


def test_rows_are_filtered_by_kind_and_by_what_needs_a_look(index: RowIndex) -> None:
    assert index.kinds() == {"change": 80, "same": 40}
    assert index.find(RowQuery(kind="same")).count == 40
    assert ids(index, flag="guarded") == [5005]
    assert ids(index, flag="not-undoable") == [5007]
    assert ids(index, flag="guarded", search="5007") == []


def test_rows_are_sorted_by_what_they_move(index: RowIndex) -> None:
    found = index.find(RowQuery(sort="revenue", descending=True))
    moved = [float(row.money.replace(",", "") or 0) for row in found.rows]
    assert moved == sorted(moved, reverse=True)
    assert moved[0] == 20.0
    assert ids(index, sort="id", descending=True)[0] == 5000 + ROWS - 1


def test_a_row_shows_each_field_old_and_new(index: RowIndex) -> None:
    [row] = index.find(RowQuery(search="5005")).rows
    [change] = row.changes
    assert (change.field, change.old, change.new) == ("rate", "10.00", "12.00")
    assert (row.money, row.moved, row.says) == ("+4.00", "+20.0 %", "change: too much")


def test_rows_come_by_sheet_and_line_however_they_were_planned(tmp_path: Path) -> None:
    path = tmp_path / "june.plan"
    planned = [(4, "A", 0), (2, "A", 5002), (3, "A", 5003), (2, "B", 5004), (5, "A", 5005)]
    with new_plan(path, HEADER) as writer:
        for line, sheet, product in planned:
            kind = RowClass.CHANGE if product else RowClass.PROBLEM
            writer.add(PlannedRow(kind, line, product, after={"rate": "1.00"}, sheet=sheet))
        keep(path, writer)
    index = RowIndex.make(tmp_path / "rows.sqlite", open_plan(path))
    assert ids(index) == [5002, 5003, 0, 5005, 5004]


def test_a_row_that_changes_nothing_says_why(index: RowIndex) -> None:
    assert {row.says for row in index.find(RowQuery(kind="same")).rows} == {"it is so already"}


@pytest.fixture
def ticks(index: RowIndex, tmp_path: Path) -> TickStore:
    return TickStore(index, tmp_path, "ann")


def test_the_rows_of_a_page_are_unticked_and_ticked_again(ticks: TickStore) -> None:
    ticks.set(shown=[2, 3, 5], ticked=[5])
    assert list(ticks.products()) == [5001, 5002]
    ticks.set(shown=[2, 3], ticked=[2])
    assert list(ticks.products()) == [5002]
    assert ticks.among([1, 2, 3]) == {3}


def test_a_row_that_changes_nothing_cannot_be_unticked(ticks: TickStore) -> None:
    ticks.set(shown=[1, 4, 10_000], ticked=[])
    assert ticks.count() == 0


def test_all_rows_that_a_filter_finds_are_unticked_over_all_pages(
    index: RowIndex, ticks: TickStore
) -> None:
    ticks.untick_found(RowQuery(search="trunk"))
    assert ticks.count() == 40
    ticks.tick_found(RowQuery(search="1003"))
    assert ticks.count() == 37
    found = index.find(RowQuery(flag=UNTICKED, sort="id", descending=True), ticks.path)
    assert found.count == 37
    assert [row.product for row in found.rows] == ["SIP 100%_trunk"] * 37
    ticks.untick_found(RowQuery(flag="guarded"))
    ticks.untick_found(RowQuery())
    assert ticks.count() == index.kinds()["change"]
    ticks.tick_found(RowQuery(flag=UNTICKED))
    assert ticks.count() == 0


def test_each_person_has_ticks_of_their_own(
    index: RowIndex, ticks: TickStore, tmp_path: Path
) -> None:
    ticks.set(shown=[2], ticked=[])
    bob = TickStore(index, tmp_path, "bob")
    assert bob.count() == 0
    assert index.find(RowQuery(flag=UNTICKED), bob.path).count == 0
    assert TickStore(index, tmp_path, "ann").count() == 1
