"""The shapes of a page's plots. A template draws them as SVG.

A plotting library would bring tens of megabytes into the image, or some of JavaScript into each
page, for three plots of bars and dots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

_WIDTH, _HEIGHT = 640, 240
_SCATTER = 320
_LEFT, _BOTTOM, _MARGIN = 60, 40, 20
_UP, _DOWN, _TOTAL, _OUTLIER = "up", "down", "total", "outlier"
_OUTLIER_RADIUS = 4
_NAME_WIDTH, _LINE_HEIGHT = 100, 12
_TICKS = 5
_LEAST_SPAN = 1e-3
# Of a plot of bars that lie: the names' width, an amount's, and a bar's height with its distance.
_NAMES, _AMOUNT, _ROW, _TOP = 230, 80, 20, 14
_NAME_CHARACTERS = 42


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
    """up, down or outlier."""
    radius: float = 2


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
    step = (_WIDTH - 2 * _MARGIN) / len(visible)
    bars, labels = list[Bar](), list[Label]()
    for place, name in enumerate(visible):
        count = counts.get(name, 0)
        height = (_HEIGHT - 2 * _BOTTOM) * count / most
        x, y = _MARGIN + place * step, _HEIGHT - _BOTTOM - height
        bars.append(_bar((x + 2, y), step - 4, height, _TOTAL, f"{name}: {count:,}"))
        below = name.replace(" %", "")
        labels += [
            _label(x + step / 2, _HEIGHT - _BOTTOM + 14, below),
            _label(x + step / 2, y - 4, f"{count:,}" if count else ""),
        ]
    return Plot("Rows by the change of their rate, in per cent", bars, labels)


def changes_by_name(title: str, steps: Sequence[tuple[str, Decimal]]) -> Plot | None:
    """A bar per name, to the right of zero or to its left, as long as its amount is large."""
    if not steps:
        return None
    low = float(min(Decimal(0), *(amount for _, amount in steps)))
    high = float(max(Decimal(0), *(amount for _, amount in steps)))
    # Amounts stand beside their bars, those below zero to the left of them.
    left = _NAMES + (_AMOUNT if low else 0)
    scale = (_WIDTH - left - _AMOUNT) / ((high - low) or 1.0)
    zero = left - low * scale
    bars, labels = list[Bar](), list[Label]()
    for place, (name, amount) in enumerate(steps):
        y, length = _TOP + place * _ROW, abs(float(amount)) * scale
        is_up = amount >= 0
        x = zero if is_up else zero - length
        says = f"{amount:+,.2f}"
        bars.append(
            _bar((x, y), max(length, 1), _ROW - 6, _UP if is_up else _DOWN, f"{name}: {says}")
        )
        middle = y + _ROW / 2
        beside = x + length + 4 if is_up else x - 4
        labels += [
            _label(_NAMES - 8, middle, _cut(name), "end"),
            _label(beside, middle, says, "start" if is_up else "end"),
        ]
    foot = _TOP + len(steps) * _ROW
    labels.append(_label(zero, foot + 12, "0"))
    axis = Line(round(zero, 1), _TOP - 4, round(zero, 1), foot)
    return Plot(title, bars, labels, lines=[axis], height=foot + 20)


def scatter(
    points: Sequence[tuple[float, float]], outliers: Sequence[tuple[str, float, float]] = ()
) -> Plot | None:
    """Rates before (across) and after (up); the slanting line is no change.

    `outliers`: points that are labelled, with their labels.
    """
    ends = [*points, *((before, after) for _, before, after in outliers)]
    if not ends:
        return None
    ticks = _ticks(min(0.0, *map(min, ends)), max(0.0, *map(max, ends)))
    low, high = ticks[0], ticks[-1]

    def at(before: float, after: float) -> tuple[float, float]:
        x = _LEFT + (before - low) / (high - low) * (_WIDTH - 2 * _LEFT)
        y = _SCATTER - _BOTTOM - (after - low) / (high - low) * (_SCATTER - 2 * _BOTTOM)
        return round(x, 1), round(y, 1)

    (x1, y1), (x2, y2) = at(low, low), at(high, high)
    dots = [Dot(*at(before, after), _UP if after >= before else _DOWN) for before, after in points]
    labels = [
        _label(_WIDTH / 2, _SCATTER - 6, "old rate"),
        _label(8, _BOTTOM - 20, "new rate", "start"),
    ]
    for tick in ticks:
        (x, _), (_, y) = at(tick, low), at(low, tick)
        labels += [
            _label(x, _SCATTER - _BOTTOM + 14, f"{tick:,g}"),
            _label(_LEFT - 6, y + 3, f"{tick:,g}", "end"),
        ]
    for name, before, after in outliers:
        x, y = at(before, after)
        dots.append(Dot(x, y, _OUTLIER, _OUTLIER_RADIUS))
        is_right = x > _WIDTH * 2 / 3
        label = _label(x - 7 if is_right else x + 7, y + 3, name, "end" if is_right else "start")
        if not any(_collide(label, other) for other in labels):
            labels.append(label)
    axes = [Line(x1, y1, x1, y2), Line(x1, y1, x2, y1)]
    return Plot(
        "New rate against old rate",
        labels=labels,
        dots=dots,
        lines=[*axes, Line(x1, y1, x2, y2)],
        height=_SCATTER,
    )


def _collide(one: Label, other: Label) -> bool:
    return abs(one.x - other.x) < _NAME_WIDTH and abs(one.y - other.y) < _LINE_HEIGHT


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` or below it to `high` or above it."""
    span = high - low
    rough = (span if span > _LEAST_SPAN else 1.0) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough)
    first, last = math.floor(low / step), max(math.ceil(high / step), 1)
    return [round(at * step, 6) for at in range(first, last + 1)]


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_CHARACTERS else f"{name[: _NAME_CHARACTERS - 1]}…"


def _bar(corner: tuple[float, float], width: float, height: float, role: str, says: str) -> Bar:
    x, y = corner
    return Bar(round(x, 1), round(y, 1), round(width, 1), round(height, 1), role, says)


def _label(x: float, y: float, text: str, anchor: str = "middle") -> Label:
    return Label(round(x, 1), round(y, 1), text, anchor)
