"""One HTML file that needs nothing else: it loads no script, font, image or style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

from campaigns.figures import Figures, shown_move
from campaigns.plan_row import PlanRow
from campaigns.plots import histogram, scatter, waterfall
from campaigns.summary import Summary, bins

_STEPS = 8
_STYLE = """
body{font:14px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;text-align:left;
border-bottom:1px solid #ddd}td.n{text-align:right;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;background:#fafafa}svg text{font-size:9px;fill:#444}
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
        self._parts.append(f"<table>{''.join(rows)}</table>")

    def table(self, title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Left out when there is no row; numbers are to the right."""
        lines = ["".join(map(_cell, row)) for row in rows]
        if not lines:
            return
        head = "".join(f"<th>{escape(each)}</th>" for each in header)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        self._parts.append(f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>")

    def plots(self, summary: Summary, figures: Figures) -> None:
        """Histogram, waterfall by product, and new rates against old ones."""
        self._parts += [
            "<h2>Changes</h2>",
            histogram(summary.histogram, bins()),
            waterfall(summary.before, _steps(figures), summary.after),
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


def _shown(row: PlanRow) -> tuple[object, ...]:
    return (
        row.line or "",
        row.id,
        row.seen.get("customer_id", ""),
        row.seen.get("description", ""),
        Decimal(row.before["rate"]) if row.before.get("rate") else "",
        Decimal(row.after["rate"]) if "rate" in row.after else "",
        shown_move(row),
    )


def _cell(value: object) -> str:
    if isinstance(value, int | Decimal):
        text = f"{value:,}" if isinstance(value, Decimal) else str(value)
        return f'<td class="n">{escape(text)}</td>'
    return f"<td>{escape(str(value))}</td>"
