"""Rules over a product's fields, such as `product_id=17 and status=ACTIVE` or `rate*1.05`.

    or · and · not · = != < <= > >= in (…) · + - · * / · unary - · min(…) max(…) abs(…)

Numbers are computed exactly, so that no digit is lost before a rate is rounded. Texts are quoted,
or a bare word to the right of a comparison. `null`, in letters of any case, is an empty field.
Types are checked before any product is looked at; nothing is ever evaluated but this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from campaigns.errors import ExpressionError
from campaigns.rules.node import Values
from campaigns.rules.parser import Parser
from campaigns.rules.vocabulary import Kind

_MAX_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Expression:
    """A rule that was understood."""

    text: str
    kind: Kind
    _evaluate: Callable[[Values], Any]

    def evaluate(self, values: Values) -> Any:  # noqa: ANN401 - as the rule's kind says
        """A number is exact: an int, a Decimal, or a Fraction if no Decimal can hold it.

        Raises ExpressionError when a field that is computed with is empty, or on x / 0.
        """
        return self._evaluate(values)


def compile_rule(text: str) -> Expression:
    """Raises ExpressionError that says what was not understood, and where."""
    if len(text) > _MAX_CHARACTERS:
        raise ExpressionError(f"a rule has at most {_MAX_CHARACTERS} characters")
    node = Parser(text).whole()
    return Expression(text, node.kind, node.evaluate)
