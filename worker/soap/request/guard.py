"""The last check before a request leaves: its bytes are parsed again and must say what was asked.

Why: one element too many changes what a customer pays. For a nillable element without a value zeep
writes `xsi:nil`, which nulls the field at the vendor; a wrong guess about a WSDL's shape writes a
zero; a value of the wrong type is sent as it is (`True`, `1e-07`). Nothing at the vendor refuses
these, and nobody sees them until the bill. What is caught here was only built, and costs nothing.

How: the guard parses the bytes with its own parser and compares every leaf with the job, by
the vendor's names alone. It deliberately knows neither the WSDL nor the builder, so one mistake
cannot be made in both. Comparing with what zeep would build a second time, or with the schema, was
tried and proves nothing: both repeat the builder's own error.

If you change it: a leaf that it does not look at is a leaf that may be sent by accident. So an
attribute other than `xsi:nil`, a second operation in the body and an unknown element are all
refused, as `UnsupportedChange`, and the product stays as it is. A WSDL that needs another form
(a new wrapper, a list in a list) must be taught here too, on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum

from lxml import etree

from revio_jobs.errors import UnsupportedChange
from tasks.ports import Change, Filters
from worker.soap import vendor
from worker.soap.request.message import Login

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = f"{{{_XSI}}}nil"
# All but xsi:nil="true" on an element that is empty.
_has_odd_attributes = etree.XPath(
    "boolean(//@*[not(. = 'true' and name() = name(../@xsi:nil))] | //*[@xsi:nil and node()])",
    namespaces={"xsi": _XSI},
)
_LISTS = frozenset(vendor.FILTERS.values())


class _Written(Enum):
    NULL = "null"
    """An element with xsi:nil."""


Leaf = str | _Written
Leaves = Mapping[str, Sequence[Leaf]]
"""The texts by the name of the element that holds them."""


def check_update(body: bytes, tag: str, login: Login, change: Change) -> None:
    """Raises UnsupportedChange unless the request holds the login, the ID and the change only."""
    written = _leaves(body, tag)
    asked: dict[str, Sequence[object]] = {vendor.ID: [change.id], **_login(login, written)}
    for name, value in change.values.items():
        asked[vendor.CHANGES[name].update] = [value]
    for name in change.clear:
        asked[vendor.CHANGES[name].update] = [_Written.NULL]
    _compare(written, asked)


def check_query(body: bytes, tag: str, login: Login, filters: Filters) -> None:
    """Raises UnsupportedChange unless the request holds the login and the filters only."""
    written = _leaves(body, tag)
    asked = {wire: getattr(filters, name) for name, wire in vendor.FILTERS.items()}
    _compare(written, {**_login(login, written), **{w: ids for w, ids in asked.items() if ids}})


def _login(login: Login, written: Leaves) -> dict[str, Sequence[object]]:
    if login.session_key and vendor.SESSION_KEY in written:
        return {vendor.SESSION_KEY: [login.session_key.get_secret_value()]}
    values = (login.username, login.password.get_secret_value(), login.client_code)
    return {name: [value] for name, value in zip(vendor.CREDENTIALS, values, strict=True)}


def _compare(written: Leaves, asked: Mapping[str, Sequence[object]]) -> None:
    if wrong := sorted(
        name
        for name in written.keys() | asked.keys()
        if not _agree(written.get(name, ()), asked.get(name, ()))
    ):
        raise UnsupportedChange(
            f"the request that was built is not what was asked for ({', '.join(wrong)}); "
            "nothing was sent"
        )


def _agree(written: Sequence[Leaf], asked: Sequence[object]) -> bool:
    return len(written) == len(asked) and all(map(_matches, written, asked))


def _matches(written: Leaf, asked: object) -> bool:
    if isinstance(written, _Written):
        return written is asked
    match asked:
        case bool():
            return written == ("true" if asked else "false")
        case int():
            return written == str(asked)
        case Decimal():
            return "e" not in written.lower() and Decimal(written) == asked
        case date():
            return written in {asked.isoformat(), f"{asked.isoformat()}T00:00:00"}
        case str():
            return written == asked
    return False


def _leaves(body: bytes, tag: str) -> Leaves:
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False))
    operations = [operation for part in root for operation in part]
    if len(root) != 1 or len(operations) != 1 or operations[0].tag != tag:
        raise UnsupportedChange("the request that was built is for another operation")
    if _has_odd_attributes(root):
        raise UnsupportedChange("the request that was built has attributes of no known meaning")
    leaves: dict[str, list[Leaf]] = {}
    _gather(operations[0], leaves)
    return leaves


def _gather(parent: etree._Element, leaves: dict[str, list[Leaf]], item_of: str = "") -> None:
    """Collect the leaves below; items of a list go under the list's name."""
    for child in parent:
        name = item_of or _local(child)
        if len(child) == 0:
            leaves.setdefault(name, []).append(_leaf(child))
        elif [_local(part) for part in child] == ["Updated", "Value"] and child[0].text == "true":
            leaves.setdefault(name, []).append(_leaf(child[1]))
        else:
            _gather(child, leaves, name if name in _LISTS else "")


def _leaf(element: etree._Element) -> Leaf:
    return _Written.NULL if element.get(_NIL) == "true" else element.text or ""


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2]
