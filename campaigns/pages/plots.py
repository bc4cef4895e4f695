"""The shapes of a page's plots. A template draws them as SVG.

A plotting library would bring tens of megabytes into the image, or some of JavaScript into each
page, for three plots of bars and dots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

_WIDTH, _HEIGHT = 640, 240
_LEFT, _BOTTOM = 60, 40
_UP, _DOWN, _TOTAL = "up", "down", "total"
_NAME_CHARACTERS = 14


@dataclass(frozen=True, slots=True)
class Bar:
    """Coordinates in the plot's own units, as all here."""

    x: float
    y: float
    width: float
    height: float
    role: str
    """up, down or total."""
    says: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point."""

    x: float
    y: float
    role: str


@dataclass(frozen=True, slots=True)
class Line:
    """Straight."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Label:
    """Text next to a point."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn."""

    title: str
    bars: Sequence[Bar] = ()
    labels: Sequence[Label] = ()
    dots: Sequence[Dot] = ()
    lines: Sequence[Line] = ()
    width: int = _WIDTH
    height: int = _HEIGHT


def histogram(counts: Mapping[str, int], names: Sequence[str]) -> Plot | None:
    """Bars in the order of `names`; those at the ends that are empty are left out."""
    held = [name for name in names if counts.get(name)]
    if not held:
        return None
    visible = names[names.index(held[0]) : names.index(held[-1]) + 1]
    most = max(counts[name] for name in held)
    step = (_WIDTH - _LEFT) / len(visible)
    bars, labels = list[Bar](), list[Label]()
    for place, name in enumerate(visible):
        count = counts.get(name, 0)
        height = (_HEIGHT - 2 * _BOTTOM) * count / most
        x, y = _LEFT + place * step, _HEIGHT - _BOTTOM - height
        bars.append(_bar((x + 2, y), step - 4, height, _TOTAL, f"{name}: {count:,}"))
        below = name.removesuffix(" %")
        labels += [
            _label(x + step / 2, _HEIGHT - _BOTTOM + 14, below),
            _label(x + step / 2, y - 4, f"{count:,}" if count else ""),
        ]
    return Plot("Rows by the change of their rate, in per cent", bars, labels)


def waterfall(
    before: Decimal, steps: Sequence[tuple[str, Decimal]], after: Decimal, by: str = "product"
) -> Plot:
    """From a total over steps to another; `by`: what a step is."""
    levels = [("before", Decimal(0), before)]
    level = before
    for name, change in steps:
        levels.append((name, level, level + change))
        level += change
    levels.append(("after", Decimal(0), after))
    base, scale = _scale(levels, before, after)
    width = (_WIDTH - _LEFT) / len(levels)
    bars, labels = list[Bar](), list[Label]()
    for place, (name, start, end) in enumerate(levels):
        is_total = place in {0, len(levels) - 1}
        top, foot = max(start, end), base if is_total else min(start, end)
        role = _TOTAL if is_total else (_UP if end >= start else _DOWN)
        x = _LEFT + place * width
        y = _HEIGHT - _BOTTOM - float(top - base) * scale
        says = f"{end:,.2f}" if is_total else f"{end - start:+,.2f}"
        height = max(float(top - foot) * scale, 1)
        bars.append(_bar((x + 3, y), width - 6, height, role, f"{name}: {says}"))
        row = _HEIGHT - _BOTTOM + 14 + 10 * (place % 2)
        labels += [
            _label(x + width / 2, row, name[:_NAME_CHARACTERS]),
            _label(x + width / 2, y - 4, says),
        ]
    return Plot(f"Revenue per billing period, by {by}", bars, labels)


def scatter(points: Sequence[tuple[float, float]]) -> Plot | None:
    """Rates before (across) and after (up); the line is no change."""
    if not points:
        return None
    low = min(min(point) for point in points)
    high = max(max(point) for point in points)
    span = (high - low) or 1.0

    def at(before: float, after: float) -> tuple[float, float]:
        x = _LEFT + (before - low) / span * (_WIDTH - 2 * _LEFT)
        return round(x, 1), round(
            _HEIGHT - _BOTTOM - (after - low) / span * (_HEIGHT - 2 * _BOTTOM), 1
        )

    (x1, y1), (x2, y2) = at(low, low), at(high, high)
    dots = [Dot(*at(before, after), _UP if after >= before else _DOWN) for before, after in points]
    labels = [
        _label(x1, _HEIGHT - _BOTTOM + 14, f"{low:g}"),
        _label(x2, _HEIGHT - _BOTTOM + 14, f"{high:g}"),
        _label(_WIDTH / 2, _HEIGHT - 8, "old rate"),
        Label(8, _BOTTOM - 12, "new rate", "start"),
    ]
    return Plot("New rate against old rate", (), labels, dots, [Line(x1, y1, x2, y2)])


def _scale(
    levels: Sequence[tuple[str, Decimal, Decimal]], before: Decimal, after: Decimal
) -> tuple[Decimal, float]:
    """The least level that is drawn, and units for each of money.

    Steps are small compared with the totals, so the scale begins near the least of them.
    """
    steps = [level for _, *ends in levels[1:-1] for level in ends] or [Decimal(0)]
    low, high = min(*steps, before, after), max(*steps, before, after)
    base = low - (high - low) / 2 if high > low else low - 1
    return base, (_HEIGHT - 2 * _BOTTOM) / float(high - base)


def _bar(corner: tuple[float, float], width: float, height: float, role: str, says: str) -> Bar:
    x, y = corner
    return Bar(round(x, 1), round(y, 1), round(width, 1), round(height, 1), role, says)


def _label(x: float, y: float, text: str) -> Label:
    return Label(round(x, 1), round(y, 1), text)
