"""How a computed rate becomes a price: to a step, and if wanted to a charm ending such as .99."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from campaigns.errors import CampaignError
from campaigns.rules.exact import Exact, absolute, divide, subtract

MODES = {
    "half-up": decimal.ROUND_HALF_UP,
    "half-even": decimal.ROUND_HALF_EVEN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
    "ceiling": decimal.ROUND_CEILING,
    "floor": decimal.ROUND_FLOOR,
}
_MAX_DECIMALS = 4
_TOO_LARGE = 10**18
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Rounding:
    """To multiples of `step`, or to the nearest price that ends in one of `endings`."""

    step: Decimal = Decimal("0.01")
    mode: str = "half-up"
    """One of MODES. Half-up means away from zero, as on an invoice."""
    endings: tuple[Decimal, ...] = ()
    """0.99 stands for 0.99, 1.99, …; 9.99 for 9.99, 19.99, …."""

    @classmethod
    def parse(cls, step: str, mode: str, endings: tuple[str, ...] = ()) -> Rounding:
        """Raises CampaignError."""
        if mode not in MODES:
            raise CampaignError(f"rounding {mode!r} is not one of {', '.join(MODES)}")
        return cls(_amount(step), mode, tuple(_amount(ending) for ending in endings))

    def document(self) -> dict[str, Any]:
        """JSON values."""
        endings = [str(ending) for ending in self.endings]
        return {"step": str(self.step), "mode": self.mode, "endings": endings}

    def apply(self, value: Exact) -> Decimal:
        """The price. A tie between two endings goes up. Raises CampaignError if it is too large."""
        amount = absolute(value)
        if amount >= _TOO_LARGE:
            raise CampaignError(f"a rate of {len(str(int(amount)))} digits is too large")
        if self.endings:
            price = self._nearest(amount)
            return -price if value < 0 else price
        price = _whole(divide(value, self.step), MODES[self.mode]) * self.step
        return price or 0 * self.step  # not a negative zero

    def _nearest(self, amount: Exact) -> Decimal:
        """The nearest price with one of the endings."""
        return min(
            (price for ending in self.endings for price in _around(amount, ending)),
            key=lambda price: (absolute(subtract(price, amount)), -price),
        )


def _around(amount: Exact, ending: Decimal) -> Iterator[Decimal]:
    """The nearest prices with that ending, below and above."""
    unit = 10 ** len(str(int(ending))) if ending >= 1 else 1
    beyond = subtract(amount, ending)
    if beyond < 0:
        yield ending
    else:
        below = ending + int(beyond // unit) * unit
        yield below
        yield below + unit


def _whole(number: Exact, mode: str) -> Decimal:
    """The number rounded to a whole one. What is past its half decides, however little it is."""
    if not isinstance(number, Fraction):
        return Decimal(number).quantize(_ONE, mode)
    whole, rest = divmod(abs(number), 1)
    past = (2 * rest > 1) - (2 * rest < 1)
    tenths = 5 + past * 2 if rest else 0
    return Decimal(f"{'-' if number < 0 else ''}{whole}.{tenths}").to_integral_value(mode)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except decimal.InvalidOperation:
        amount = Decimal(0)
    if not (
        amount.is_finite() and amount > 0 and -int(amount.as_tuple().exponent) <= _MAX_DECIMALS
    ):
        raise CampaignError(f"{text!r} is not an amount such as 0.01, with at most 4 decimals")
    return amount
