"""What to change of each product, besides what a file says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from campaigns.errors import CampaignError, ExpressionError
from campaigns.rules.exact import Exact
from campaigns.rules.expression import Expression, compile_rule
from campaigns.rules.rounding import Rounding
from campaigns.rules.vocabulary import Kind
from revio_jobs import CustomerProduct
from revio_jobs.contracts import CHANGE_NAMES

_KINDS = {
    "rate": Kind.NUMBER,
    "quantity": Kind.NUMBER,
    "description": Kind.TEXT,
    "code1": Kind.TEXT,
    "code2": Kind.TEXT,
    "activated_date": Kind.DATE,
    "disconnect_date": Kind.DATE,
    "do_not_prorate": Kind.FLAG,
}

ROUNDED_AGAINST = "rounding goes against what the rule does to the rate (--round or --charm): "
"""Begins the words of such a problem; the row's own values follow."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A filter and assignments, both of which may be missing."""

    where: Expression | None = None
    sets: Mapping[str, Expression] = field(default_factory=dict)
    rounding: Rounding = field(default_factory=Rounding)

    @classmethod
    def parse(cls, where: str | None, sets: Iterable[str], rounding: Rounding) -> Rules:
        """`sets` are `field=expression`. Raises ExpressionError."""
        condition = None if where is None else compile_rule(where)
        if condition and condition.kind is not Kind.FLAG:
            raise ExpressionError(f"where {where!r} is not a condition such as status=ACTIVE")
        rules: dict[str, Expression] = {}
        for name, rule in map(_assignment, sets):
            if name in rules:
                raise ExpressionError(
                    f"{name} is set twice, to {rules[name].text.strip()!r} and to "
                    f"{rule.text.strip()!r}: give one rule that says all of it"
                )
            rules[name] = rule
        return cls(condition, rules, rounding)

    def document(self) -> dict[str, Any]:
        """JSON values, for the record in the plan."""
        return {
            "where": self.where.text if self.where else None,
            "set": {name: rule.text for name, rule in self.sets.items()},
            "round": self.rounding.document(),
        }

    def _rounded(self, computed: Exact, old: Decimal | None) -> Decimal:
        try:
            rounded = self.rounding.apply(computed)
        except CampaignError as exc:
            raise ExpressionError(str(exc)) from exc
        if old is not None and _goes_against(old, computed, rounded):
            became = f"{_in_words(computed)}, rounded {rounded:f}"
            raise ExpressionError(f"{ROUNDED_AGAINST}{old:f} would become {became}")
        return rounded

    def concern(self, values: Mapping[str, Any]) -> bool:
        """Whether the filter selects the product."""
        return self.where is None or bool(self.where.evaluate(values))

    def changes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """New values by contract name, None to empty. Raises ExpressionError."""
        return {
            name: self._typed(name, rule.evaluate(values), values)
            for name, rule in self.sets.items()
        }

    def move_rate(self, values: Mapping[str, Any]) -> bool:
        """Whether they compute another rate than the product has, before it is rounded."""
        rule = self.sets.get("rate")
        return rule is not None and rule.evaluate(values) != values["rate"]

    def _typed(self, name: str, value: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the field has it
        if name == "rate" and value is not None:
            return self._rounded(value, values.get("rate"))
        if name == "quantity" and value is not None:
            if value != int(value):
                raise ExpressionError(f"quantity would become {_in_words(value)}")
            return int(value)
        return value


def _in_words(computed: Exact) -> str:
    ratio = Fraction(computed)
    return f"{(Decimal(ratio.numerator) / ratio.denominator).normalize():f}"


def _goes_against(old: Decimal, computed: Exact, rounded: Decimal) -> bool:
    """Whether rounding turns a rise into a cut, a cut into a rise, or nothing into either."""
    if computed == old:
        return rounded != old
    return (rounded < old) if computed > old else (rounded > old)


def values_of(product: CustomerProduct) -> dict[str, Any]:
    """A product's fields as rules know them."""
    return {**vars(product), "id": product.customer_product_id}


def _assignment(text: str) -> tuple[str, Expression]:
    name, sign, expression = text.partition("=")
    name = name.strip()
    if not sign or name not in _KINDS:
        raise ExpressionError(
            f"{text!r}: give FIELD=EXPRESSION with one of {', '.join(CHANGE_NAMES)}"
        )
    rule = compile_rule(expression)
    if rule.kind not in {_KINDS[name], Kind.NULL}:
        raise ExpressionError(f"{text!r}: {name} is a {_KINDS[name]}, not a {rule.kind}")
    return name, rule
