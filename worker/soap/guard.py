"""The last look before anything leaves: the bytes are read back and must say what was asked.

It knows neither the schema nor how the request was built, so that a mistake there is caught here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from lxml import etree

from tasks.errors import UnsupportedChange
from tasks.ports import Change, Filters
from worker.soap import vendor

if TYPE_CHECKING:
    from worker.soap.request import Login

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_LISTS = frozenset(vendor.FILTERS.values())


class _Written(Enum):
    NULL = "null"
    """An element with xsi:nil."""


Leaf = str | _Written
Leaves = Mapping[str, Sequence[Leaf]]
"""The texts by the name of the element that holds them."""


def check_update(body: bytes, tag: str, login: Login, change: Change) -> None:
    """Raises UnsupportedChange unless the request holds the login, the id, the change, no more."""
    found = _leaves(body, tag)
    asked: dict[str, Sequence[object]] = {vendor.ID: [change.id], **_login(login, found)}
    for name, value in change.values.items():
        asked[vendor.CHANGES[name][0]] = [value]
    for name in change.clear:
        asked[vendor.CHANGES[name][0]] = [_Written.NULL]
    _compare(found, asked)


def check_query(body: bytes, tag: str, login: Login, filters: Filters) -> None:
    """Raises UnsupportedChange unless the request holds the login and the filters, no more."""
    found = _leaves(body, tag)
    asked = {wire: getattr(filters, name) for name, wire in vendor.FILTERS.items()}
    _compare(found, {**_login(login, found), **{w: ids for w, ids in asked.items() if ids}})


def _login(login: Login, found: Leaves) -> dict[str, Sequence[object]]:
    if login.session_key and vendor.SESSION_KEY in found:
        return {vendor.SESSION_KEY: [login.session_key.get_secret_value()]}
    values = (login.username, login.password.get_secret_value(), login.client_code)
    return {name: [value] for name, value in zip(vendor.CREDENTIALS, values, strict=True)}


def _compare(found: Leaves, asked: Mapping[str, Sequence[object]]) -> None:
    if wrong := sorted(
        name
        for name in found.keys() | asked.keys()
        if not _agree(found.get(name, ()), asked.get(name, ()))
    ):
        raise UnsupportedChange(
            f"the request that was built is not what was asked for ({', '.join(wrong)}); "
            "nothing was sent"
        )


def _agree(found: Sequence[Leaf], asked: Sequence[object]) -> bool:
    return len(found) == len(asked) and all(map(_says, found, asked))


def _says(written: Leaf, asked: object) -> bool:
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
    found: dict[str, list[Leaf]] = {}
    for name, leaf in _walk(operations[0]):
        found.setdefault(name, []).append(leaf)
    return found


def _walk(element: etree._Element) -> Iterator[tuple[str, Leaf]]:
    name = _local(element)
    if any(attribute != _NIL for attribute in element.attrib):
        yield f"{name}/@", ""
    if len(element) == 0:
        yield name, _Written.NULL if element.get(_NIL) == "true" else element.text or ""
    elif (wrapped := _unwrapped(element)) is not None:
        yield name, wrapped
    elif name in _LISTS:
        yield from ((name, leaf) for child in element for _, leaf in _walk(child))
    else:
        for child in element:
            yield from _walk(child)


def _unwrapped(element: etree._Element) -> Leaf | None:
    """The value of {Updated: true, Value}."""
    if [_local(child) for child in element] != ["Updated", "Value"]:
        return None
    updated, value = element
    if updated.text != "true":
        return None
    return _Written.NULL if value.get(_NIL) == "true" else value.text or ""


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname
