"""From a rule's text to its parts, by recursive descent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from campaigns.errors import ExpressionError
from campaigns.rules.exact import Exact, negate
from campaigns.rules.node import CONSTANTS, Node, Values, in_capitals, present, text_of
from campaigns.rules.vocabulary import (
    COMPARE,
    COMPUTE,
    DECIMALS,
    FIELDS,
    FUNCTIONS,
    SAME_SIGN,
    Function,
    Kind,
    Token,
    tokens,
)

_MAX_DEPTH = 40


class Parser:
    """One method per level of the rules' grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        """The rule. Raises ExpressionError that says what was not understood, and where."""
        node = self._or()
        if self._peek().kind != "end":
            raise self._unexpected()
        return self._value(node)

    def _or(self) -> Node:
        node = self._and()
        while self._takes_name("or"):
            node = self._both(node, self._and(), any)
        return node

    def _and(self) -> Node:
        node = self._not()
        while self._takes_name("and"):
            node = self._both(node, self._not(), all)
        return node

    def _both(self, left: Node, right: Node, join: Callable[..., bool]) -> Node:
        for side in (left, right):
            self._need(side, Kind.FLAG)
        one, other = left.evaluate, right.evaluate
        return Node(Kind.FLAG, lambda values: join(part(values) for part in (one, other)))

    def _not(self) -> Node:
        if not self._takes_name("not"):
            return self._comparison()
        inner = self._need(self._not(), Kind.FLAG).evaluate
        return Node(Kind.FLAG, lambda values: not inner(values))

    def _comparison(self) -> Node:
        left = self._sum()
        if self._takes_name("in"):
            return self._membership(self._value(left))
        sign = self._peek().text
        sign = SAME_SIGN.get(sign, sign)
        if sign not in COMPARE:
            return left
        self._next += 1
        return self._compare(sign, self._value(left), text_of(self._sum()))

    def _membership(self, left: Node) -> Node:
        self._take("(")
        nodes = [self._compare("=", left, text_of(self._sum()))]
        while self._takes(","):
            if left.field in DECIMALS:
                self._check_not_decimal()
            nodes.append(self._compare("=", left, text_of(self._sum())))
        self._take(")")
        return Node(Kind.FLAG, lambda values: any(node.evaluate(values) for node in nodes))

    def _compare(self, sign: str, left: Node, right: Node) -> Node:
        kinds = {left.kind, right.kind} - {Kind.NULL}
        if len(kinds) > 1:
            raise ExpressionError(
                f"{left.kind} cannot be compared with {right.kind} in {self._text!r}"
            )
        by_order = sign not in {"=", "!="}
        if by_order and Kind.NULL in {left.kind, right.kind}:
            raise ExpressionError(f"null is neither more nor less, in {self._text!r}")
        one, other, holds = left.evaluate, right.evaluate, COMPARE[sign]
        if "status" in {left.field, right.field}:
            one, other = in_capitals(one), in_capitals(other)

        def evaluate(values: Values) -> bool:
            first, second = one(values), other(values)
            if first is None or second is None:
                return not by_order and holds(present(first), present(second))
            return holds(first, second)

        return Node(Kind.FLAG, evaluate)

    def _sum(self) -> Node:
        return self._chain(self._product, "+-")

    def _product(self) -> Node:
        return self._chain(self._unary, "*/")

    def _chain(self, part: Callable[[], Node], signs: str) -> Node:
        node = part()
        while (sign := self._peek()).kind == "sign" and sign.text in signs:
            self._next += 1
            node = self._compute(sign.text, node, part())
        return node

    def _compute(self, sign: str, left: Node, right: Node) -> Node:
        one, other = self._number(left), self._number(right)
        compute, text = COMPUTE[sign], self._text

        def evaluate(values: Values) -> Exact:
            divisor = other(values)
            if sign == "/" and not divisor:
                raise ExpressionError(f"division by zero in {text!r}")
            return compute(one(values), divisor)

        return Node(Kind.NUMBER, evaluate)

    def _unary(self) -> Node:
        if not self._takes("-"):
            return self._primary()
        inner = self._number(self._nested(self._unary))
        return Node(Kind.NUMBER, lambda values: negate(inner(values)))

    def _primary(self) -> Node:
        token = self._peek()
        self._next += 1
        match token.kind:
            case "number":
                number = Decimal(token.text)
                return Node(Kind.NUMBER, lambda _: number)
            case "date":
                day = self._day(token.text)
                return Node(Kind.DATE, lambda _: day)
            case "text":
                text = token.text[1:-1]
                return Node(Kind.TEXT, lambda _: text)
            case "name":
                return self._name(token.text)
            case "sign" if token.text == "(":
                node = self._nested(self._or)
                self._take(")")
                return node
        self._next -= 1
        raise self._unexpected()

    def _name(self, name: str) -> Node:
        if name in FIELDS:
            return Node(FIELDS[name], lambda values: values[name], field=name)
        if constant := CONSTANTS.get(name.lower()):
            return constant
        if name in FUNCTIONS and self._takes("("):
            return self._call(name, FUNCTIONS[name])
        return Node(Kind.TEXT, lambda _: name, word=name)

    def _call(self, name: str, function: Function) -> Node:
        parts = [self._number(self._nested(self._sum))]
        while self._takes(","):
            self._check_not_decimal()
            parts.append(self._number(self._sum()))
        self._take(")")
        if not function.fewest <= len(parts) <= (function.most or len(parts)):
            raise ExpressionError(f"{name} takes {function.takes}, in {self._text!r}")
        call = function.call
        return Node(Kind.NUMBER, lambda values: call(*(part(values) for part in parts)))

    def _check_not_decimal(self) -> None:
        """The comma just taken is not that of 1,05 or 1,250: it would make two numbers of one."""
        before, comma, after = self._tokens[self._next - 2 : self._next + 1]
        is_tight = before.at + len(before.text) == comma.at == after.at - 1
        have_points = "." in before.text and "." in after.text
        if is_tight and before.kind == after.kind == "number" and not have_points:
            raise ExpressionError(
                f"'{before.text},{after.text}' could be one number or two in {self._text!r}: write "
                "decimals with a point, or a blank behind the comma"
            )

    def _number(self, node: Node) -> Callable[[Values], Exact]:
        self._need(node, Kind.NUMBER)
        inner, text = node.evaluate, self._text

        def evaluate(values: Values) -> Exact:
            value: Exact | None = inner(values)
            if value is None:
                raise ExpressionError(f"a field is empty that {text!r} computes with")
            return value

        return evaluate

    def _need(self, node: Node, kind: Kind) -> Node:
        self._value(node)
        if node.kind is not kind:
            raise ExpressionError(f"a {kind} is needed, not a {node.kind}, in {self._text!r}")
        return node

    def _value(self, node: Node) -> Node:
        if node.word:
            raise ExpressionError(
                f"there is no field {node.word!r}; fields are {', '.join(FIELDS)}"
            )
        return node

    def _day(self, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError as exc:
            raise ExpressionError(f"{text} is not a date") from exc

    def _nested(self, parse: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ExpressionError("too many parentheses")
        try:
            return parse()
        finally:
            self._depth -= 1

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _takes(self, sign: str) -> bool:
        token = self._peek()
        taken = token.kind == "sign" and token.text == sign
        self._next += taken
        return taken

    def _takes_name(self, name: str) -> bool:
        token = self._peek()
        taken = token.kind == "name" and token.text.lower() == name
        self._next += taken
        return taken

    def _take(self, sign: str) -> None:
        if not self._takes(sign):
            raise self._unexpected(sign)

    def _unexpected(self, wanted: str = "") -> ExpressionError:
        token = self._peek()
        found = repr(token.text) if token.text else "the end"
        instead = f" instead of {wanted!r}" if wanted else ""
        return ExpressionError(f"{found} was not expected{instead} in {self._text!r}")
