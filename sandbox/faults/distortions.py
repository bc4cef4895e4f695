"""Ways to spoil a true answer's bytes. `field` names the element to spoil instead of the usual."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING

from lxml import etree

from sandbox.contract.operations import QUERY, UPDATE

if TYPE_CHECKING:
    from lxml.etree import _Element

HUGE_BYTES = 64 * 2**20

_UNKNOWN = b'<Surprise level="1"><Deeper>7</Deeper></Surprise>'
_ENTITIES = (
    b'<!DOCTYPE Envelope [<!ENTITY a "spoilt ">'
    + b"".join(
        b'<!ENTITY %c "%b">' % (letter, b"&%c;" % (letter - 1) * 10) for letter in b"bcdefgh"
    )
    + b"]>"
)
_DECLARATION_END = b"?>"


def of_other_operation(body: bytes, operation: str) -> bytes:
    other = UPDATE if operation == QUERY else QUERY
    return body.replace(operation.encode(), other.encode())


def _truncated(body: bytes, _: str | None) -> bytes:
    """Cut between two elements in the middle, where no value looks broken."""
    return body[: body.find(b"><", len(body) // 2) + 1]


def _endless_xml(body: bytes, _: str | None) -> bytes:
    """Everything is there but the last tags."""
    return body[: body.rfind(b"</soap:Body>")]


def _doctype(body: bytes, _: str | None) -> bytes:
    return _after(body, _DECLARATION_END, b"<!DOCTYPE Envelope>")


def _entities(body: bytes, _: str | None) -> bytes:
    """A billion laughs, used in the header's message."""
    declared = _after(body, _DECLARATION_END, _ENTITIES)
    return _after(declared, b"</Success>", b"<Message>&h;</Message>")


def _huge(body: bytes, _: str | None) -> bytes:
    return _after(body, b"</Success>", b"<Surprise>" + b"x" * HUGE_BYTES + b"</Surprise>")


def _broken_text(body: bytes, _: str | None) -> bytes:
    """A text with an ampersand that was not escaped."""
    return _after(body, b"</Success>", b"<Message>AT&T</Message>")


def _unknown_elements(body: bytes, _: str | None) -> bytes:
    for place in (b"<Header>", b"</Success>", b"</Customer_Product_ID>", b"</Header>"):
        body = body.replace(place, place + _UNKNOWN)
    return body


def _reordered(body: bytes, _: str | None) -> bytes:
    """The last first: in the result, in its header and in each record."""
    root = etree.fromstring(body)
    parents = [*_named(root, "Header"), *_parents(root, "Header")]
    for parent in [*parents, *_parents(root, "Customer_Product_ID")]:
        parent[:] = list(reversed(parent))
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _missing_field(body: bytes, field: str | None) -> bytes:
    root = etree.fromstring(body)
    wanted = [field] if field else ["Customer_Product_ID", "Success"]
    elements = [element for name in wanted for element in _named(root, name)]
    for element in elements[:1]:
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _bad(usual: str, text: str) -> Callable[[bytes, str | None], bytes]:
    """Puts the text into the first element of that name that has any; an answer without one
    stays as it is.
    """

    def distort(body: bytes, field: str | None) -> bytes:
        root = etree.fromstring(body)
        for element in [leaf for leaf in _named(root, field or usual) if leaf.text][:1]:
            element.text = text
        return etree.tostring(root, xml_declaration=True, encoding="utf-8")

    return distort


def _after(body: bytes, place: bytes, addition: bytes) -> bytes:
    return body.replace(place, place + addition, 1)


def _named(root: _Element, name: str) -> list[_Element]:
    return list(root.iter(f"{{*}}{name}"))


def _parents(root: _Element, name: str) -> list[_Element]:
    parents = [element.getparent() for element in _named(root, name)]
    return [parent for parent in parents if parent is not None]


def _nil_item(body: bytes, _: str | None) -> bytes:
    """A null among the records of a list."""
    root = etree.fromstring(body)
    for record in _parents(root, "Customer_Product_ID")[:1]:
        parent = record.getparent()
        if parent is not None:
            nil = etree.Element(record.tag)
            nil.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")
            parent.insert(parent.index(record), nil)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _mislabelled(body: bytes, _: str | None) -> bytes:
    """As .NET's StringWriter labels any text."""
    return body.replace(b'encoding="utf-8"', b'encoding="utf-16"', 1)


def _preceded(body: bytes, _: str | None) -> bytes:
    """By byte order marks and blank lines, as templates and proxies leave them."""
    return codecs.BOM_UTF8 * 2 + b"\r\n \r\n" + body + b"\n\x00"


BY_NAME: dict[str, Callable[[bytes, str | None], bytes]] = {
    "truncated-xml": _truncated,
    "truncated-end": _endless_xml,
    "doctype": _doctype,
    "entities": _entities,
    "huge-body": _huge,
    "broken-text": _broken_text,
    "nil-item": _nil_item,
    "utf-16-label": _mislabelled,
    "preceded": _preceded,
    "unknown-elements": _unknown_elements,
    "reordered": _reordered,
    "missing-field": _missing_field,
    "bad-int": _bad("Quantity", "12x"),
    "bad-date": _bad("Activated_Date", "2026-13-45"),
    "bad-decimal": _bad("Rate", "1,5"),
    "bad-boolean": _bad("Success", "perhaps"),
}
