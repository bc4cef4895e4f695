"""One HTML file that needs nothing else: it loads no script, font, image or style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

from campaigns.plan.figures import Figures, shown_move
from campaigns.plan.plots import histogram, scatter, waterfall
from campaigns.plan.summary import Summary, bins
from campaigns.rows.planned_row import PlannedRow

_STEPS = 8
# A table that is too wide scrolls by itself; a plot shrinks, since a part of it would mislead.
_STYLE = """
body{font:14px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.1rem;margin-top:2rem}
.wide{overflow-x:auto}figure{margin:1rem 0}figcaption{font-weight:bold}
table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;text-align:left;
vertical-align:top;border-bottom:1px solid #ddd}
.n{text-align:right;font-variant-numeric:tabular-nums}.facts td{overflow-wrap:anywhere}
svg{width:100%;height:auto;background:#fafafa}svg text{font-size:9px;fill:#444}
@media(max-width:40rem){svg text{font-size:12px}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Page:
    """Grows from top to bottom."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts = [f"<h1>{escape(title)}</h1>"]

    def facts(self, facts: Iterable[tuple[str, object]]) -> None:
        """Names and values; those without a value are left out."""
        rows = [
            f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
            for name, value in facts
            if value not in {None, ""}
        ]
        self._parts.append(f'<table class="facts">{"".join(rows)}</table>')

    def table(self, title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Left out when there is no row; numbers are to the right."""
        known = list(rows)
        if not known:
            return
        head = "".join(map(_title, header, known[0]))
        body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in known)
        shown = f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
        self._parts.append(f"<h2>{escape(title)}</h2>{shown}")

    def plots(self, changes: Summary, figures: Figures, before: Decimal) -> None:
        """Histogram, waterfall by product, and new rates against old ones.

        `changes`: of the rows that the plots are about. `before`: the revenue that they start from.
        """
        after = before + changes.after - changes.before
        self._parts += [
            "<h2>Changes</h2>",
            histogram(changes.histogram, bins()),
            waterfall(before, _steps(figures), after),
            scatter(figures.points),
        ]

    def moves(self, figures: Figures) -> None:
        """The largest moves, and samples of each product."""
        header = ("line", "product", "customer", "description", "old", "new", "change")
        self.table("Largest moves", header, (_shown(move.row) for move in figures.moves()))
        samples = (row for offer in figures.offers.values() for row in offer.samples)
        self.table("Samples of each product", header, map(_shown, samples))

    def text(self) -> str:
        """The whole file."""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{escape(self._title)}</title><style>{_STYLE}</style></head>"
            f"<body>{''.join(self._parts)}</body></html>\n"
        )


def _steps(figures: Figures) -> list[tuple[str, Decimal]]:
    """Products by how much they move revenue, the rest together."""
    offers = sorted(
        figures.offers.values(), key=lambda each: abs(each.after - each.before), reverse=True
    )
    steps = [(each.description or "?", each.after - each.before) for each in offers[:_STEPS]]
    rest = sum((each.after - each.before for each in offers[_STEPS:]), Decimal(0))
    return [*steps, *([("others", rest)] if rest else [])]


def _shown(row: PlannedRow) -> tuple[object, ...]:
    return (
        row.line or "",
        row.id,
        row.seen.get("customer_id", ""),
        row.seen.get("description", ""),
        Decimal(row.before["rate"]) if row.before.get("rate") else "",
        Decimal(row.after["rate"]) if "rate" in row.after else "",
        shown_move(row),
    )


def _title(text: str, below: object) -> str:
    """Of a column, on the side on which its first value is."""
    place = ' class="n"' if isinstance(below, int | Decimal) else ""
    return f"<th{place}>{escape(text)}</th>"


def _cell(value: object) -> str:
    if isinstance(value, int | Decimal):
        text = f"{value:,}" if isinstance(value, Decimal) else str(value)
        return f'<td class="n">{escape(text)}</td>'
    return f"<td>{escape(str(value))}</td>"
