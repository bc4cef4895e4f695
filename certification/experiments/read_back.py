"""How long until a query shows an update."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from certification.experiment import Experiment, Scene
from certification.field_values import as_json, is_same, other_value
from certification.finding import Finding
from worker.soap import Kind

_TRIALS = 20
# A trial whose update had to be sent again says nothing, and is repeated.
_ATTEMPTS = 32
_LONGEST_S = 900.0
# Seconds after an update at which a query is made, as long as nothing is known.
_FIRST = (0.0, 0.25, 0.5, *(float(2**step) for step in range(10)))
_POINTS = (0.7, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 8.0)
# What the settings, and the experiments that follow, add to the longest lag that was seen.
_FACTOR = 1.5
_BESIDE_S = 1.0
_FIELDS = ("quantity", "rate", "description", "code1")


@dataclass(frozen=True, slots=True)
class _Lag:
    """The update did not show before `low` seconds, and did after `high`."""

    low: float
    high: float


def settle_s(longest_s: float) -> float:
    """Seconds after which an update shows, with a margin."""
    return math.ceil(longest_s * _FACTOR + _BESIDE_S)


def _read_back(scene: Scene) -> Iterator[Finding]:
    for name in _FIELDS:
        product = scene.bench.find(name)
        if product is None:
            continue
        value = other_value(name, scene.bench.value(product, name))
        if scene.bench.set(product, **{name: value}).kind is Kind.DONE:
            # The first trial writes the old value, which must be seen to come.
            shows = _shows(scene, product, name, value, _FIRST) is not None
            yield _measured(scene, product, name) if shows else _never(scene)
            return
    why = "no named product has a quantity, rate or text that can be changed and put back"
    yield Finding.unknown("read_back", why)


def _measured(scene: Scene, product: int, name: str) -> Finding:
    lags: list[_Lag] = []
    old = scene.bench.value(product, name)
    values = [old, other_value(name, old)]
    for attempt in range(_ATTEMPTS):
        value = values[attempt % 2]
        is_done = scene.bench.set(product, **{name: value}).kind is Kind.DONE
        is_first_try = is_done and scene.bench.was_sent_once
        lag = _shows(scene, product, name, value, _times(lags))
        if lag is None:
            return _never(scene)
        if is_first_try:
            lags.append(lag)
        if len(lags) >= _TRIALS and value == old:
            break
    return _distribution(scene, lags)


def _shows(
    scene: Scene,
    product: int,
    name: str,
    value: Any,  # noqa: ANN401 - of the field's kind
    times: tuple[float, ...],
) -> _Lag | None:
    """The lag of one change; None if it was not shown within the longest time."""
    began, low = scene.lab.clock.now(), 0.0
    for at in times:
        scene.lab.clock.sleep(max(began + at - scene.lab.clock.now(), 0))
        asked_at = scene.lab.clock.now()
        if is_same(name, as_json(value), scene.bench.peek(product).values[name]):
            return _Lag(low, scene.lab.clock.now() - began)
        low = asked_at - began
    return None


def _times(lags: list[_Lag]) -> tuple[float, ...]:
    """When to ask: around where updates showed before, then ever later."""
    seen = sorted(lag.high for lag in lags)
    if not seen or seen[-1] < _FIRST[1]:
        return _FIRST
    near = {seen[0] * _POINTS[0], *((a + b) / 2 for a, b in pairwise(seen[-3:])), seen[-1]}
    late = {seen[-1] * point for point in _POINTS} | {_LONGEST_S}
    return tuple(sorted(at for at in chain(near, late) if at <= _LONGEST_S))


def _never(scene: Scene) -> Finding:
    scene.bench.settle_s = _LONGEST_S
    says = f"a query did not show an update within {_LONGEST_S:.0f} s"
    return Finding("read_back", says, None, {"read_back": "deferred"}, is_known=False)


def _distribution(scene: Scene, lags: list[_Lag]) -> Finding:
    if len(lags) < _TRIALS:
        return Finding.unknown("read_back", "too many updates had to be sent again")
    highs = sorted(lag.high for lag in lags)
    is_immediate = all(lag.low == 0 and lag.high < _FIRST[1] for lag in lags)
    value = {
        "trials": len(lags),
        "min_s": round(highs[0], 3),
        "median_s": round(highs[len(highs) // 2], 3),
        "p95_s": round(highs[len(highs) * 95 // 100], 3),
        "max_s": round(highs[-1], 3),
        "intervals_s": [[round(lag.low, 3), round(lag.high, 3)] for lag in lags],
    }
    if is_immediate:
        scene.bench.settle_s = 0.0
        says = f"the next query shows an update, in {len(lags)} of {len(lags)} trials"
        return Finding("read_back", says, value, {"read_back": "immediate"})
    scene.bench.settle_s = settle_s(highs[-1])
    says = f"a query shows an update after {highs[0]:.1f} to {highs[-1]:.1f} s"
    return Finding("read_back", says, value, {"read_back": f"{scene.bench.settle_s:.0f}"})


EXPERIMENTS = (
    Experiment(
        "read_back",
        "How long until a query shows an update?",
        620,
        _read_back,
        "a quantity, a rate or a text, some twenty times",
        duration="twenty times the lag",
    ),
)
