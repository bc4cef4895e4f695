"""A part of a rule that was understood: of which kind its value is, and how it is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.errors import ExpressionError
from campaigns.rules.vocabulary import FIELDS, Kind

Values = Mapping[str, Any]
"""A product's fields by name: Decimal or int, str, date, bool or None."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part, or the whole, of a rule."""

    kind: Kind
    evaluate: Callable[[Values], Any]
    word: str = ""
    """A bare word that is not a field: a text if it stands to the right of a comparison."""
    field: str = ""
    """The field that it is, if it is nothing else."""


CONSTANTS = {
    "true": Node(Kind.FLAG, lambda _: True),
    "false": Node(Kind.FLAG, lambda _: False),
    "null": Node(Kind.NULL, lambda _: None),
}
"""By their names in small letters."""


def text_of(node: Node) -> Node:
    """To the right of a comparison a bare word is a text. Raises ExpressionError if in doubt."""
    if not node.word:
        return node
    if (field := node.word.lower()) in FIELDS:
        raise ExpressionError(
            f"{node.word!r}: the field is written {field}; put quotation marks around it if it is "
            "a text"
        )
    return Node(Kind.TEXT, node.evaluate)


def in_capitals(evaluate: Callable[[Values], Any]) -> Callable[[Values], Any]:
    """Of a status, whose letters may be of either case: else != would hold for every product."""

    def upper(values: Values) -> Any:  # noqa: ANN401 - a text or None
        status = evaluate(values)
        return status.upper() if isinstance(status, str) else status

    return upper


def present(value: object) -> object:
    """An empty text is as good as none."""
    return None if value == "" else value
