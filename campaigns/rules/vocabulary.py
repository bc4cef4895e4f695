"""The words and signs of rules: what they are called, and what they compute."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from campaigns.errors import ExpressionError
from campaigns.rules.exact import Exact, absolute, add, divide, multiply, subtract


class Kind(StrEnum):
    """What a part of a rule is."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    FLAG = "yes or no"
    NULL = "null"


_NUMBERS = "id customer_id line_id product_id quantity rate cost carrier_id package_id"
_TEXTS = "description code1 code2 status carrier package"
_DATES = "billed_through_date activated_date disconnect_date canceled_date"
_FLAGS = "group_on_bill tax_included"

FIELDS: Mapping[str, Kind] = {
    **dict.fromkeys(_NUMBERS.split(), Kind.NUMBER),
    **dict.fromkeys(_TEXTS.split(), Kind.TEXT),
    **dict.fromkeys(_DATES.split(), Kind.DATE),
    **dict.fromkeys(_FLAGS.split(), Kind.FLAG),
}
DECIMALS = frozenset({"rate", "cost"})
"""Those whose numbers may have decimals."""


@dataclass(frozen=True, slots=True)
class Token:
    """One part of a rule's text."""

    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"\s*(?:(?P<date>\d{4}-\d\d-\d\d)|(?P<number>\d+(?:\.\d+)?|\.\d+)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|!=|<>|==|[-=<>+*/(),]))"
)
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}
SAME_SIGN = {"==": "=", "<>": "!="}
COMPUTE: Mapping[str, Callable[[Exact, Exact], Exact]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
}


@dataclass(frozen=True, slots=True)
class Function:
    """What a rule can call."""

    call: Callable[..., Exact]
    takes: str
    """How many numbers, in words."""
    fewest: int
    most: int | None = None
    """None: as many as there are."""


FUNCTIONS: Mapping[str, Function] = {
    "min": Function(min, "two numbers or more", 2),
    "max": Function(max, "two numbers or more", 2),
    "abs": Function(absolute, "one number", 1, 1),
}


def tokens(text: str) -> list[Token]:
    """The parts of a rule, then one of kind "end". Raises ExpressionError."""
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].strip()
            raise ExpressionError(f"not understood at {rest[:20]!r} in {text!r}")
        kind = match.lastgroup or ""
        tokens.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*tokens, Token("end", "", len(text))]
