"""Elements and types of the service's messages: the one description from which the WSDL is
written, requests are read and answers are rendered, so that the three cannot disagree.

Scalars are held as canonical text (``"12.5000"``, ``"2026-01-31"``, ``"true"``), null as None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from lxml.etree import _Element

NAMESPACE = "http://api.myh2o.com/v20"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


class Rendered(str):
    """Markup that is written as it is."""

    __slots__ = ()


Value = str | None | list["Value"] | dict[str, "Value"]
Values = dict[str, Value]


@dataclass(frozen=True, eq=False)
class Scalar:
    """A simple type. `parse` makes text canonical or raises ValueError; `absent` is what an
    ASP.NET server takes a missing element for.
    """

    xsd: str
    parse: Callable[[str], str]
    absent: str | None
    format: Callable[[str], str] = str


@dataclass(frozen=True)
class Element:
    """An element of the target namespace; `max_occurs` None is unbounded."""

    name: str
    kind: Scalar | Complex
    min_occurs: int = 0
    max_occurs: int | None = 1
    nillable: bool = False

    @property
    def repeated(self) -> bool:
        return self.max_occurs is None

    def read(self, node: _Element) -> Value:
        """The node's value. Raises ValueError for text that is not of the type."""
        if self.nillable and node.get(f"{{{XSI}}}nil") in {"true", "1"}:
            return None
        if isinstance(self.kind, Scalar):
            return self.kind.parse(node.text or "")
        return self.kind.read(node)

    def write(self, value: Value) -> str:
        """Markup of the value, or of each one of a list; an absent one is written as nil where
        the element can be and else left out.
        """
        if isinstance(value, list):
            return "".join(map(self.write, value))
        if isinstance(value, Rendered):
            return value
        if value is None:
            return f'<{self.name} xsi:nil="true" />' if self.nillable else ""
        if isinstance(value, dict) and isinstance(self.kind, Complex):
            return f"<{self.name}>{self.kind.write(value)}</{self.name}>"
        if isinstance(value, str) and isinstance(self.kind, Scalar):
            return f"<{self.name}>{escape(self.kind.format(value))}</{self.name}>"
        raise TypeError(f"{self.name} cannot hold a {type(value).__name__}")


@dataclass(frozen=True)
class Complex:
    """A sequence of elements; one without a name is written where it is used."""

    name: str
    elements: tuple[Element, ...]

    @cached_property
    def _by_tag(self) -> Mapping[object, Element]:
        return {f"{{{NAMESPACE}}}{element.name}": element for element in self.elements}

    def read(self, node: _Element) -> Values:
        """What is there, by element name. Like ASP.NET it takes any order, skips what it does
        not know and keeps the first of an element that may occur once.
        """
        values: Values = {}
        for child in node:
            element = self._by_tag.get(child.tag)
            if element is None:
                continue
            if not element.repeated:
                values.setdefault(element.name, element.read(child))
                continue
            several = values.setdefault(element.name, [])
            if isinstance(several, list):
                several.append(element.read(child))
        return values

    def write(self, values: Values) -> str:
        return "".join(element.write(values.get(element.name)) for element in self.elements)


def at(values: Values, *path: str) -> Value:
    """The value under nested names; None where one of them is missing."""
    value: Value = values
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def texts_at(values: Values, *path: str) -> list[str]:
    """The scalars under nested names, whether one or several."""
    value = at(values, *path)
    several = value if isinstance(value, list) else [value]
    return [value for value in several if isinstance(value, str)]


def _integer(text: str) -> str:
    if not re.fullmatch(r"\s*[+-]?[0-9]+\s*", text) or not -(2**31) <= int(text) < 2**31:
        raise ValueError(f"The string '{text}' is not a valid Int32 value.")
    return str(int(text))


def _decimal(text: str) -> str:
    if not re.fullmatch(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*", text):
        raise ValueError(f"The string '{text}' is not a valid Decimal value.")
    return str(Decimal(text.strip()).quantize(Decimal("0.0001"), ROUND_HALF_UP))


def _boolean(text: str) -> str:
    try:
        return _BOOLEANS[text.strip()]
    except KeyError:
        raise ValueError(f"The string '{text}' is not a valid Boolean value.") from None


def _date(text: str) -> str:
    matched = re.fullmatch(r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2})(T[0-9:.]+)?(Z|[+-][0-9:]+)?\s*", text)
    if not matched:
        raise ValueError(f"The string '{text}' is not a valid AllXsd value.")
    return date.fromisoformat(matched[1]).isoformat()


_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}

STRING = Scalar("string", str, None)
INTEGER = Scalar("int", _integer, "0")
DECIMAL = Scalar("decimal", _decimal, "0.0000")
BOOLEAN = Scalar("boolean", _boolean, "false")
DATE = Scalar("date", _date, "0001-01-01")
DATE_TIME = Scalar("dateTime", _date, "0001-01-01", lambda day: f"{day}T00:00:00")
