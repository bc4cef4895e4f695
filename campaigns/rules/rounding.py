"""How a computed rate becomes a price: to a step, and if wanted to a charm ending such as .99."""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from campaigns.errors import CampaignError

MODES = {
    "half-up": decimal.ROUND_HALF_UP,
    "half-even": decimal.ROUND_HALF_EVEN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
    "ceiling": decimal.ROUND_CEILING,
    "floor": decimal.ROUND_FLOOR,
}
_MAX_DECIMALS = 4


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

    def apply(self, value: Decimal) -> Decimal:
        """The price. A tie between two endings goes up."""
        if self.endings:
            amount = min(
                (price for ending in self.endings for price in _around(abs(value), ending)),
                key=lambda price: (abs(price - abs(value)), -price),
            )
            return amount.copy_sign(value)
        steps = (value / self.step).quantize(Decimal(1), MODES[self.mode])
        return steps * self.step


def _around(amount: Decimal, ending: Decimal) -> tuple[Decimal, ...]:
    """The nearest prices with that ending below and above."""
    unit = Decimal(10) ** len(str(int(ending))) if ending >= 1 else Decimal(1)
    above = ending + max(Decimal(0), -((ending - amount) // unit) * unit)
    near = (above - unit, above, above + unit)
    return tuple(price for price in near if price >= 0)


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
