"""Arithmetic that loses no digit: in decimals if they can hold the result, else in fractions.

Most rules never leave the decimals. Fractions cost ten times as much, of which a plan of 100,000
rows would take notice.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation
from fractions import Fraction

Exact = int | Decimal | Fraction

_LOSSLESS = Context(prec=60, traps=[Inexact, InvalidOperation, DivisionByZero])


@dataclass(frozen=True, slots=True)
class Operation:
    """The same computed in two ways. Called with Exact numbers, and returns one."""

    _in_decimals: Callable[..., Decimal]
    """Raises Inexact if the result has more digits."""
    _in_fractions: Callable[..., Fraction]

    def __call__(self, *numbers: Exact) -> Exact:
        if Fraction not in map(type, numbers):
            try:
                return self._in_decimals(*numbers)
            except Inexact:
                pass
        return self._in_fractions(*(Fraction(number) for number in numbers))


add = Operation(_LOSSLESS.add, operator.add)
subtract = Operation(_LOSSLESS.subtract, operator.sub)
multiply = Operation(_LOSSLESS.multiply, operator.mul)
divide = Operation(_LOSSLESS.divide, operator.truediv)
negate = Operation(_LOSSLESS.minus, operator.neg)
absolute = Operation(_LOSSLESS.abs, abs)
