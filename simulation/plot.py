"""Calls per minute by lane against the limit, as one HTML file without any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from revio_jobs.contracts import Lane
from simulation.figures import MINUTE_S, per_minute
from simulation.scenario import START, Outcome

_WIDTH, _HEIGHT, _LEFT, _TOP = 1440, 320, 48, 16
_COLOURS = {Lane.INTERACTIVE: "#d1495b", Lane.BULK: "#6c9bd2"}
_TICKS = 5
_STYLE = """
body { font: 15px system-ui, sans-serif; margin: 2em auto; max-width: 1540px; color: #222 }
h2 { font-size: 1.1em; margin: 2em 0 .3em }
svg { width: 100%; height: auto } text { font-size: 12px }
.grid { stroke: #ddd } .limit { stroke: #222; stroke-dasharray: 6 4 } .event { stroke: #e09f3e }
.interactive { color: #d1495b } .bulk { color: #4577b0 } .lowered { color: #b97a16 }
"""


def page(charts: Sequence[tuple[str, Outcome]]) -> str:
    """An HTML document with one chart for each outcome."""
    drawn = "\n".join(f"<h2>{escape(title)}</h2>\n{_svg(outcome)}" for title, outcome in charts)
    legend = (
        'Calls per minute: <b class="interactive">interactive</b> below, <b class="bulk">bulk</b> '
        'above it; dashed: the limit; <b class="lowered">vertical</b>: a ceiling was lowered'
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Calls per minute</title>'
        f"<style>{_STYLE}</style><h1>Calls per minute</h1><p>{legend}</p>\n{drawn}\n</html>\n"
    )


def _svg(outcome: Outcome) -> str:
    limit, counts = outcome.scenario.rules.calls_per_minute, per_minute(outcome)
    top = limit * 1.1
    parts = [*_grid(outcome, top), *_areas(counts, top)]
    y = _y(limit, top)
    parts.append(f'<line class="limit" x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y}" y2="{y}"/>')
    for at, _ in outcome.journal.lowered:
        x = _x((at - START) / outcome.scenario.seconds)
        parts.append(f'<line class="event" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_TOP + _HEIGHT}"/>')
    box = f"0 0 {_LEFT + _WIDTH + 16} {_TOP + _HEIGHT + 24}"
    return f'<svg viewBox="{box}" role="img">{"".join(parts)}</svg>'


def _areas(counts: dict[Lane, list[int]], top: float) -> Iterator[str]:
    """One upon the other; each minute is a step."""
    minutes = len(counts[Lane.BULK])
    base = [0] * minutes
    for lane, colour in _COLOURS.items():
        upper = [below + count for below, count in zip(base, counts[lane], strict=True)]
        outline = [*_steps(upper, top), *reversed(list(_steps(base, top)))]
        yield f'<polygon fill="{colour}" points="{" ".join(outline)}"/>'
        base = upper


def _steps(values: Sequence[int], top: float) -> Iterator[str]:
    for minute, value in enumerate(values):
        for edge in (minute, minute + 1):
            yield f"{_x(edge / len(values))},{_y(value, top)}"


def _grid(outcome: Outcome, top: float) -> Iterator[str]:
    limit = outcome.scenario.rules.calls_per_minute
    for tick in range(_TICKS + 1):
        value = limit * tick // _TICKS
        y = _y(value, top)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{value}</text>'
    minutes = outcome.scenario.seconds / MINUTE_S
    step = 60 if minutes > 4 * 60 else 5
    for minute in range(0, int(minutes) + 1, step):
        label = f"{minute // 60}:00" if step == 60 else f"{minute} min"  # noqa: PLR2004
        x = _x(minute / minutes)
        yield f'<text x="{x}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{label}</text>'


def _x(share: float) -> float:
    return round(_LEFT + _WIDTH * share, 1)


def _y(value: float, top: float) -> float:
    return round(_TOP + _HEIGHT * (1 - value / top), 1)
