"""Pages and plots: whole, offline, and harmless whatever the vendor's texts hold."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from campaigns.business_time import BusinessTime
from campaigns.pages import Column, PageTable, changes_by_name, histogram, page, scatter
from campaigns.plan.figures import Figures
from campaigns.plan.plan_file import Header, Plan, keep, new_plan, open_plan
from campaigns.plan.review import Review
from campaigns.plan.review_tables import changes_table, largest_tables
from campaigns.plan.summary import Summary, bins
from campaigns.results.report import Layout
from campaigns.rows.field_change import changes_of, in_words
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.source.table import Form

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
RATES = st.decimals(-100, 100, places=2)
VOID = {"meta", "input"}


def row(one: int, before: Decimal, after: Decimal, description: str = "Seat") -> PlannedRow:
    rate, seen = f"{before:f}", {"product_id": one % 7, "quantity": 2, "description": description}
    return PlannedRow(
        RowClass.CHANGE,
        one,
        5000 + one,
        {"rate": rate},
        {"rate": f"{after:f}"},
        seen={**seen, "customer_id": 1000 + one % 5, "rate": rate},
    )


def change(**more: Any) -> PlannedRow:
    known = {
        "before": {
            "rate": "10.0000",
            "quantity": 2,
            "description": "Seat",
            "code1": "A",
            "code2": None,
            "activated_date": "2026-01-31",
            "disconnect_date": None,
            "do_not_prorate": None,
        },
        "after": {
            "rate": "12.50",
            "quantity": 3,
            "description": "<b>Seat</b>",
            "code2": "B",
            "activated_date": "2026-02-28",
            "disconnect_date": "2026-12-31",
            "do_not_prorate": True,
        },
        "clear": ("code1",),
        "seen": {"rate": "10.0000", "quantity": 2, "customer_id": 1001, "product_id": 17},
        "says": ("change: rate changes by 25.0 %, more than 20 % (needs an override)",),
        "not_undoable": "do_not_prorate cannot be read, so it would stay",
    }
    kind = more.pop("kind", RowClass.CHANGE)
    return PlannedRow(kind, 2, 5001, **{**known, **more})


OLD_AND_NEW = {
    "rate": ("10.00", "12.50"),
    "quantity": ("2", "3"),
    "description": ("Seat", "<b>Seat</b>"),
    "code1": ("A", "(empty)"),
    "code2": ("(empty)", "B"),
    "activated_date": ("2026-01-31", "2026-02-28"),
    "disconnect_date": ("(empty)", "2026-12-31"),
    "do_not_prorate": ("(unknown)", "yes"),
}


@pytest.fixture
def plan_of(tmp_path: Path) -> Any:
    def made(*rows: PlannedRow, **header: Any) -> Plan:
        known = Header("june", "default", "v", "ann", "2026-06-01T12:00:00+00:00")
        path = tmp_path / "june.plan"
        with new_plan(path, Header(**{**_named(known), **header})) as writer:
            for one in rows:
                writer.add(one)
            writer.summary.crossed = {"revenue": "revenue changes by 25.0 %, more than 20 %"}
            keep(path, writer)
        return open_plan(path)

    return made


def _named(header: Header) -> dict[str, Any]:
    return {name: getattr(header, name) for name in header.__slots__}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [str(value) for name, value in attrs if name in {"src", "href"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert not tags.open
    return tags


def review(plan: Plan, begins: str = "") -> Review:
    return Review.of(plan, begins, BusinessTime("America/New_York"))


@given(st.lists(st.tuples(RATES, RATES, TEXTS), min_size=1, max_size=20))
def test_a_page_is_whole_and_loads_nothing(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[Decimal, Decimal, str]]
) -> None:
    path = tmp_path_factory.mktemp("plans") / "x.plan"
    rows = [row(at, *move) for at, move in enumerate(moves)]
    name = "<script>alert(1)</script>" + moves[0][2]
    with new_plan(path, Header(name, "default", "v", "a", "2026-06-01T12:00:00+00:00")) as writer:
        for one in rows:
            writer.add(one)
        keep(path, writer)
    tags = parsed(review(open_plan(path)).page())
    assert {"svg", "table", "rect"} <= set(tags.seen)
    assert not {"link", "img", "iframe", "object"} & set(tags.seen)
    assert (tags.seen.count("script"), tags.seen.count("style")) == (1, 1)
    assert not tags.links
    assert not tags.handlers


def test_a_browser_runs_the_pages_own_script_and_no_other(plan_of: Any) -> None:
    text = review(plan_of(change())).page()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert policy[1].startswith("default-src &#39;none&#39;")


def test_who_approves_sees_every_field_old_and_new_for_every_kind(plan_of: Any) -> None:
    assert {one.name for one in changes_of(change())} == set(OLD_AND_NEW)
    shown = review(plan_of(change()))
    words = in_words(change())
    (cells,) = changes_table(shown.plan.summary, shown.figures).document()
    for name, (old, new) in OLD_AND_NEW.items():
        assert f"{name} {old} → {new}" in words
        assert (cells[f"{name} old"], cells[f"{name} new"]) == (old, new)
    text = shown.page()
    assert "<td>&lt;b&gt;Seat&lt;/b&gt;</td>" in text
    assert '<td class="n" data-n="12.50">12.50</td>' in text


def test_who_approves_sees_what_matters_on_the_page(plan_of: Any) -> None:
    plan = plan_of(change(), overrides={"change": "agreed with <Ms Lee>", "revenue": "as said"})
    text = review(plan, "effective from 2026-07-01: apply begins it at …").page()
    assert "effective from 2026-07-01" in text
    assert "2026-06-01 08:00 EDT (12:00 UTC) by ann" in text
    assert "1 of 1 rows could not be undone, or not as a whole." in text
    assert "do_not_prorate cannot be read, so it would stay" in text
    assert "The guard rail change is crossed: agreed with &lt;Ms Lee&gt;" in text
    assert "The guard rail revenue is crossed: as said" in text
    for title in ("money", "per cent", "customer", "product"):
        assert f"Largest moves by {title}" in text
    assert 'class="sortable"' in text
    assert 'type="search"' in text


def test_a_guard_rail_that_stopped_a_row_is_not_told_as_one_that_only_warns(plan_of: Any) -> None:
    stopped = change(
        kind=RowClass.STOPPED, says=("sign: rate changes its sign, from 5 to -5 (not allowed)",)
    )
    warned = change(says=("change: rate changes by 25.0 %, more than 20 %",))
    shown = review(plan_of(warned, stopped)).tables(9, 9)["guard_rails"].document()
    assert [(rail["guard rail"], rail["crossed by"], rail["because"]) for rail in shown] == [
        ("sign", "1 row", "stopped: left out of the plan"),
        ("change", "1 row", "it only warns"),
        ("revenue", "the whole plan", "it only warns"),
    ]


def test_a_review_is_a_workbook_as_well(plan_of: Any, tmp_path: Path) -> None:
    same = PlannedRow(RowClass.SAME, 3, 5002, seen={"rate": "7.0000", "description": "=1+1"})
    review(plan_of(change(), same)).write_workbook(tmp_path / "r.xlsx")
    book = openpyxl.load_workbook(tmp_path / "r.xlsx")
    assert book.sheetnames == ["summary", "plan", "not undoable", "customers", "products"]
    titles, first, second = book["plan"].iter_rows(values_only=True)
    cells = dict(zip(titles, first, strict=True))
    assert (cells["rate_before"], cells["rate_after"]) == (10, 12.5)
    assert (cells["do_not_prorate_before"], cells["do_not_prorate_after"]) == ("(unknown)", True)
    assert (cells["code1_before"], cells["code1_after"]) == ("A", "(empty)")
    assert (cells["revenue_change"], cells["rate_change_percent"]) == (17.5, 25)
    assert cells["undo"] == "do_not_prorate cannot be read, so it would stay"
    assert dict(zip(titles, second, strict=True))["class"] == "same"
    facts = dict(book["summary"].iter_rows(values_only=True))
    assert facts["to be seen"].startswith("1 of 1 rows could not be undone")
    assert [one[0] for one in book["customers"].iter_rows(values_only=True)] == [
        "customer_id",
        1001,
    ]


def test_a_page_of_many_rows_shows_those_that_move_most_and_says_so() -> None:
    rows = [row(at, Decimal(10), Decimal(10) + at % 100) for at in range(2100)]
    summary = Summary()
    for one in rows:
        summary.add(one)
    table = changes_table(summary, Figures.of(rows))
    assert len(table.rows) == 2000
    assert "The 2,000 rows of 2,100 that move most revenue; the workbook" in table.note
    kept = [int(one["id"]) for one in table.document()]
    assert kept == sorted(kept)
    assert {one for one in range(5000, 7100) if one % 100 > 4} <= set(kept)


def test_the_title_of_a_column_of_numbers_is_on_their_side() -> None:
    columns = [Column("line", is_number=True), Column("words")]
    table = PageTable.of("t", columns, [(1, "a" * 600)])
    text = page(
        "review.html.j2",
        title="x",
        alarms=[],
        facts=[],
        read_as=[],
        first=[table],
        plots=[],
        tables=[],
    )
    assert '<th class="n" scope="col"><button type="button">line</button></th>' in text
    assert f"<td>{'a' * 500}…</td>" in text


def test_a_fact_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        page("review.html.j2", title="x")


@given(
    st.dictionaries(st.sampled_from(bins()), st.integers(1, 10**6), max_size=12),
    st.lists(st.tuples(TEXTS, RATES), max_size=10),
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=30),
)
def test_the_shapes_of_plots_have_sizes_and_lie_within(
    counts: dict[str, int], steps: list[tuple[str, Decimal]], points: list[tuple[float, float]]
) -> None:
    plots = (histogram(counts, bins()), changes_by_name("t", steps), scatter(points))
    assert [plot is None for plot in plots] == [not counts, not steps, not points]
    for plot in filter(None, plots):
        for bar in plot.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= plot.width + 1
            assert min(bar.width, bar.height) >= 0
            assert -1 <= bar.y <= plot.height
        for dot in plot.dots:
            assert 0 <= dot.x <= plot.width
            assert 0 <= dot.y <= plot.height


def test_bars_of_revenue_begin_at_zero_and_are_as_long_as_their_amounts() -> None:
    name = "Broadband 100/40 with a fixed address and a name"
    plot = changes_by_name("t", [(name, Decimal(50)), ("Seat", Decimal(-25))])
    assert plot
    assert [bar.says for bar in plot.bars] == [f"{name}: +50.00", "Seat: -25.00"]
    (up, down), (zero,) = plot.bars, {line.x1 for line in plot.lines}
    assert (up.x, round(down.x + down.width, 1), up.role, down.role) == (zero, zero, "up", "down")
    assert up.width == pytest.approx(2 * down.width, abs=0.2)
    assert "Broadband 100/40 with a fixed address and…" in {label.text for label in plot.labels}


def test_the_largest_change_of_a_rate_is_labelled_and_drawn_last() -> None:
    points = [(20.0, 21.0)] * 50
    plot = scatter([*points, (30.0, 142.4)], [("5050 +374.7 %", 30.0, 142.4)])
    assert plot
    assert (plot.dots[-1].role, "5050 +374.7 %" in {label.text for label in plot.labels}) == (
        "outlier",
        True,
    )
    ticks = [label.text for label in plot.labels if label.text.isdecimal()]
    assert ticks == [tick for tick in ("0", "50", "100", "150") for _ in "xy"]


@given(st.lists(RATES, min_size=30, max_size=60))
def test_the_largest_moves_are_the_largest(rates: list[Decimal]) -> None:
    rows = [row(at, Decimal(10), rate) for at, rate in enumerate(rates)]
    figures = Figures.of(rows)
    expected = sorted((abs(rate - 10) for rate in rates), reverse=True)[:20]
    for largest in (figures.by_money, figures.by_percent):
        assert [abs(Decimal(one.after["rate"]) - 10) for one in largest.rows()][:20] == expected
    by_customer: dict[int, Decimal] = {}
    for one, rate in zip(rows, rates, strict=True):
        customer = one.seen["customer_id"]
        by_customer[customer] = by_customer.get(customer, Decimal(0)) + 2 * (rate - 10)
    shown = largest_tables(figures, 3)["largest_by_customer"].document()
    assert [abs(Decimal(one["moved"])) for one in shown] == (
        sorted(map(abs, by_customer.values()), reverse=True)[:3]
    )


def test_customers_beyond_the_most_are_gathered() -> None:
    figures = Figures()
    figures.customers.most = 2
    for at in range(5):
        figures.add(row(at, Decimal(1), Decimal(2)))
    shown = largest_tables(figures, 5)["largest_by_customer"].document()
    assert [(one["customer"], one["rows"]) for one in shown] == [
        ("others", "3"),
        ("1000", "1"),
        ("1001", "1"),
    ]


def layout(kind: str, *changed: str, **form: Any) -> Layout:
    columns: Sequence[str] = ("ID", "Rate", "note")
    header = Header("n", "default", "v", "a", "t", kind=kind, form=Form("csv", columns, **form))
    return Layout.of(header, changed)


def test_a_reported_row_means_the_same_when_it_is_planned_again() -> None:
    given_row = PlannedRow(
        RowClass.CHANGE,
        2,
        5001,
        {"rate": "9.0000", "code1": "A"},
        {"rate": "12.50"},
        ("code1",),
        cells=("5001", "12,5", "x"),
    )
    plan = layout("plan", "rate", "code1", decimal_comma=True)
    assert plan.form.columns == ("ID", "Rate", "note", "code1")
    assert plan.cells(given_row) == ["5001", "12,50", "x", "(clear)"]


@pytest.mark.parametrize(
    ("decimal_comma", "cells"),
    [(False, ["5001", "12.1250", "x", "1.250"]), (True, ["5001", "12,1250", "x", "1.250"])],
)
def test_a_reported_rate_cannot_be_read_as_thousands_and_a_code_stays_as_it_is(
    decimal_comma: bool,  # noqa: FBT001
    cells: list[str],
) -> None:
    given_row = PlannedRow(
        RowClass.CHANGE, 2, 5001, {}, {"rate": "12.125", "code1": "1.250"}, cells=("5001", "", "x")
    )
    assert layout("plan", "rate", "code1", decimal_comma=decimal_comma).cells(given_row) == cells


def test_a_reported_row_of_an_undo_holds_none_of_the_inputs_values() -> None:
    undone = PlannedRow(
        RowClass.CHANGE, 2, 5001, {"quantity": 2}, {"quantity": 1}, cells=("5001", "12.50", "x")
    )
    assert layout("undo", "quantity").cells(undone) == ["5001", "", "x", "1"]
    believed = layout("undo", "quantity", fields={"id": 0, "expected:rate": 1})
    assert believed.cells(undone) == ["5001", "", "x", "1"]
