"""Plots as inline SVG, without a library and without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import escape

_WIDTH, _HEIGHT = 640, 240
_LEFT, _BOTTOM = 60, 40
_UP, _DOWN, _TOTAL = "#2a7f62", "#b3402a", "#4a6785"


def histogram(counts: Mapping[str, int], names: Sequence[str]) -> str:
    """Bars in the order of `names`; those at the ends that are empty are left out."""
    held = [name for name in names if counts.get(name)]
    if not held:
        return ""
    shown = names[names.index(held[0]) : names.index(held[-1]) + 1]
    most = max(counts[name] for name in held)
    step = (_WIDTH - _LEFT) / len(shown)
    parts = []
    for place, name in enumerate(shown):
        count = counts.get(name, 0)
        height = (_HEIGHT - 2 * _BOTTOM) * count / most
        x, y = _LEFT + place * step, _HEIGHT - _BOTTOM - height
        parts += [
            _rectangle((x + 2, y), step - 4, height, _TOTAL, f"{name}: {count:,}"),
            _text(x + step / 2, _HEIGHT - _BOTTOM + 14, name.removesuffix(" %"), "middle"),
            _text(x + step / 2, y - 4, f"{count:,}" if count else "", "middle"),
        ]
    return _svg("Rows by the change of their rate, in per cent", parts)


def waterfall(before: Decimal, steps: Sequence[tuple[str, Decimal]], after: Decimal) -> str:
    """From a total over steps to another."""
    bars = [("before", Decimal(0), before)]
    level = before
    for name, change in steps:
        bars.append((name, level, level + change))
        level += change
    bars.append(("after", Decimal(0), after))
    # Steps are small beside the totals: the scale begins near the least level.
    levels = [each for bar in bars[1:-1] for each in bar[1:]] or [Decimal(0)]
    low, high = min(*levels, before, after), max(*levels, before, after)
    base = low - (high - low) / 2 if high > low else low - 1
    scale = (_HEIGHT - 2 * _BOTTOM) / float(high - base)
    width = (_WIDTH - _LEFT) / len(bars)
    parts = []
    for place, (name, start, end) in enumerate(bars):
        is_total = place in {0, len(bars) - 1}
        top, foot = max(start, end), base if is_total else min(start, end)
        color = _TOTAL if is_total else (_UP if end >= start else _DOWN)
        x = _LEFT + place * width
        y = _HEIGHT - _BOTTOM - float(top - base) * scale
        said = f"{end:,.2f}" if is_total else f"{end - start:+,.2f}"
        height = max(float(top - foot) * scale, 1)
        parts += [
            _rectangle((x + 3, y), width - 6, height, color, f"{name}: {said}"),
            _text(x + width / 2, _HEIGHT - _BOTTOM + 14 + 10 * (place % 2), name[:14], "middle"),
            _text(x + width / 2, y - 4, said, "middle"),
        ]
    return _svg("Revenue a billing period, by product", parts)


def scatter(points: Sequence[tuple[float, float]]) -> str:
    """Rates before (across) and after (up); the line is no change."""
    if not points:
        return ""
    low = min(min(point) for point in points)
    high = max(max(point) for point in points)
    span = (high - low) or 1.0

    def at(before: float, after: float) -> tuple[float, float]:
        x = _LEFT + (before - low) / span * (_WIDTH - 2 * _LEFT)
        return x, _HEIGHT - _BOTTOM - (after - low) / span * (_HEIGHT - 2 * _BOTTOM)

    (x1, y1), (x2, y2) = at(low, low), at(high, high)
    parts = [f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#999"/>']
    parts += [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{_UP if b >= a else _DOWN}" '
        'fill-opacity="0.5"/>'
        for a, b in points
        for x, y in [at(a, b)]
    ]
    parts += [
        _text(x1, _HEIGHT - _BOTTOM + 14, f"{low:g}", "middle"),
        _text(x2, _HEIGHT - _BOTTOM + 14, f"{high:g}", "middle"),
        _text(_WIDTH / 2, _HEIGHT - 8, "old rate", "middle"),
        _text(8, _BOTTOM - 12, "new rate", "start"),
    ]
    return _svg("New rate against old rate", parts)


def _svg(title: str, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">'
    said = escape(title)
    plot = f"{head}<title>{said}</title>{''.join(parts)}</svg>"
    return f"<figure><figcaption>{said}</figcaption>{plot}</figure>"


def _rectangle(
    corner: tuple[float, float], width: float, height: float, color: str, says: str
) -> str:
    x, y = corner
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{color}"><title>{escape(says)}</title></rect>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
