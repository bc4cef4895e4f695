"""Pages and plots: whole, offline, and harmless whatever the vendor's texts hold."""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from campaigns.plan.figures import Figures
from campaigns.plan.page import Page
from campaigns.plan.plan_file import Header
from campaigns.plan.plots import histogram, scatter, waterfall
from campaigns.plan.summary import Summary, bins
from campaigns.results.report import Layout
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.source.table import Form

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
RATES = st.decimals(-100, 100, places=2)


def row(one: int, before: Decimal, after: Decimal, description: str = "Seat") -> PlannedRow:
    rate, seen = f"{before:f}", {"product_id": one % 7, "quantity": 2, "description": description}
    return PlannedRow(
        RowClass.CHANGE,
        one,
        5000 + one,
        {"rate": rate},
        {"rate": f"{after:f}"},
        seen={**seen, "rate": rate},
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [str(value) for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "rect", "circle", "line"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag


@given(st.lists(st.tuples(RATES, RATES, TEXTS), min_size=1, max_size=40))
def test_a_page_is_whole_and_loads_nothing(moves: list[tuple[Decimal, Decimal, str]]) -> None:
    rows = [row(at, *move) for at, move in enumerate(moves)]
    summary = Summary()
    for each in rows:
        summary.add(each)
    page = Page("<script>alert(1)</script>")
    page.facts([("name", moves[0][2])])
    page.plots(summary, Figures.of(rows), Decimal(1_000_000))
    page.moves(Figures.of(rows))
    parser = Tags()
    parser.feed(page.text())
    parser.close()
    assert {"svg", "table", "rect"} <= parser.seen
    assert not {"script", "link", "img", "iframe"} & parser.seen
    assert not parser.links
    # The plot begins with all revenue and ends where these rows have moved it to.
    assert f"after: {1_000_000 + summary.after - summary.before:,.2f}" in page.text()


def test_the_title_of_a_column_of_numbers_is_on_their_side() -> None:
    page = Page("x")
    page.table("t", ("line", "words"), [(1, "a")])
    assert '<th class="n">line</th><th>words</th>' in page.text()


@given(
    st.dictionaries(st.sampled_from(bins()), st.integers(1, 10**6), max_size=12),
    st.lists(st.tuples(TEXTS, RATES), max_size=10),
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), max_size=30),
)
def test_plots_are_well_formed_and_their_bars_have_sizes(
    counts: dict[str, int], steps: list[tuple[str, Decimal]], points: list[tuple[float, float]]
) -> None:
    total = sum((change for _, change in steps), Decimal(1000))
    for svg in (histogram(counts, bins()), waterfall(Decimal(1000), steps, total), scatter(points)):
        for shape in ET.fromstring(svg).iter() if svg else ():
            for name in ("width", "height", "r"):
                assert float(shape.get(name, 1)) >= 0


@given(st.lists(RATES, min_size=30, max_size=60))
def test_the_largest_moves_are_the_largest(rates: list[Decimal]) -> None:
    rows = [row(at, Decimal(10), rate) for at, rate in enumerate(rates)]
    shown = [abs(Decimal(move.row.after["rate"]) - 10) for move in Figures.of(rows).moves()]
    assert shown == sorted((abs(rate - 10) for rate in rates), reverse=True)[:20]


def layout(kind: str, *changed: str, **form: Any) -> Layout:
    columns = ("ID", "Rate", "note")
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


def test_a_reported_row_of_an_undo_holds_none_of_the_inputs_values() -> None:
    undone = PlannedRow(
        RowClass.CHANGE, 2, 5001, {"quantity": 2}, {"quantity": 1}, cells=("5001", "12.50", "x")
    )
    assert layout("undo", "quantity").cells(undone) == ["5001", "", "x", "1"]
