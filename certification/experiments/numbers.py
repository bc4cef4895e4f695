"""What becomes of rates and quantities: decimals, rounding, negative, zero and large ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from certification.experiment import Experiment, Scene
from certification.experiments.updates import verdict
from certification.finding import Finding
from worker.soap import Kind

_DECIMALS = (4, 3, 2)
_DIGITS = {4: Decimal("0.1234"), 3: Decimal("0.123"), 2: Decimal("0.12")}
_SEVERAL = Decimal("0.5")
_RATES = {
    "negative": Decimal("-1.25"),
    "zero": Decimal(0),
    "large": Decimal("9999999.99"),
}
_QUANTITIES = {"negative": -1, "zero": 0, "large": 2**31 - 1}


def _rates(scene: Scene) -> Iterator[Finding]:
    product = scene.bench.find("rate")
    if product is None:
        why = "no named product has a rate above zero with at most two decimals"
        yield Finding.unknown("rate_decimals", why)
        return
    yield from _decimals(scene, product)
    fates = {name: _fate(scene, product, "rate", rate) for name, rate in _RATES.items()}
    yield Finding("rates", _in_words("rate", fates), fates)


def _decimals(scene: Scene, product: int) -> Iterator[Finding]:
    whole = Decimal(int(scene.bench.value(product, "rate")))
    for places in _DECIMALS:
        rate = whole + _DIGITS[places]
        if scene.bench.set(product, rate=rate).kind is Kind.DONE:
            break
    else:
        yield Finding.unknown("rate_decimals", "no rate with decimals is taken")
        return
    decimals = _places(scene, product, whole)
    yield Finding("rate_decimals", f"a rate keeps {decimals} decimals", decimals)
    if places < max(_DECIMALS):
        says = f"a rate with more than {places} decimals is refused"
        yield Finding("rounding", says, "refused")
    elif decimals < places:
        yield _rounding(scene, product, whole, decimals)


def _places(scene: Scene, product: int, whole: Decimal) -> int:
    decimals = _rate(scene, product) - whole
    return next((places for places, digits in _DIGITS.items() if digits == decimals), 0)


def _rounding(scene: Scene, product: int, whole: Decimal, kept: int) -> Finding:
    """By two halves: one that rounding to even moves down, and one that it moves up."""
    unit = Decimal(1).scaleb(-kept)
    to_even = [whole + (digit + _SEVERAL) * unit for digit in (2, 3)]
    rounded = []
    for rate in to_even:
        if scene.bench.set(product, rate=rate).kind is not Kind.DONE:
            return Finding.unknown("rounding", "a rate to be rounded was not taken")
        rounded.append(int((_rate(scene, product) - whole) / unit))
    ways = {(3, 4): "half-up", (2, 4): "half-even", (2, 3): "down"}
    if (way := ways.get((rounded[0], rounded[1]))) is None:
        return Finding.unknown("rounding", "halves are rounded in no usual way")
    return Finding("rounding", f"other decimals are rounded {way}", way)


def _rate(scene: Scene, product: int) -> Decimal:
    return Decimal(str(scene.bench.read(product).values["rate"]))


def _quantities(scene: Scene) -> Iterator[Finding]:
    product = scene.bench.find("quantity")
    if product is None:
        yield Finding.unknown("quantities", "no named product has a quantity above zero")
        return
    fates = {name: _fate(scene, product, "quantity", n) for name, n in _QUANTITIES.items()}
    yield Finding("quantities", _in_words("quantity", fates), fates)


def _fate(scene: Scene, product: int, name: str, value: Decimal | int) -> str:
    reply = scene.bench.set(product, **{name: value})
    if reply.kind is not Kind.DONE:
        return verdict(scene, reply)
    shown = scene.bench.read(product).values[name]
    if shown is None:
        return "becomes no value"
    return "kept" if Decimal(str(shown)) == value else "becomes another"


def _in_words(what: str, fates: Mapping[str, str]) -> str:
    return ", ".join(f"a {name} {what} is {fate}" for name, fate in fates.items())


EXPERIMENTS = (
    Experiment(
        "rates",
        "How many decimals does a rate keep, how is it rounded; negative, zero, large ones?",
        60,
        _rates,
        "a rate",
    ),
    Experiment(
        "quantities",
        "Are quantities of 0, below 0 and large ones kept?",
        40,
        _quantities,
        "a quantity",
    ),
)
