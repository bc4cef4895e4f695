"""A reading of query answers by other means than ours: the whole tree, the plain definition."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from revio_jobs.contracts.product_fields import FieldKind
from worker.soap.vendor import RECORD

NAMESPACE = "{http://api.myh2o.com/v20}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


BOOLEANS = {"1", "0", "true", "True", "TRUE", "false", "False", "FALSE"}


class NoAnswerError(Exception):
    """It cannot be read."""


def read(body: bytes, path: tuple[str, ...], absent: frozenset[str]) -> list[dict[str, Any]]:
    """The records at the path below the result of a successful answer; `absent` may be missing."""
    parser = etree.XMLParser(resolve_entities=False, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(body, parser)
        if root.getroottree().docinfo.doctype:
            raise NoAnswerError
        if root.tag not in {
            "{http://schemas.xmlsoap.org/soap/envelope/}Envelope",
            "{http://www.w3.org/2003/05/soap-envelope}Envelope",
        }:
            raise NoAnswerError
        soap = root.tag.removesuffix("Envelope")
        [payload] = one(root, f"{soap}Body")
        if payload.tag != f"{NAMESPACE}CustomerProducts_QueryResponse":
            raise NoAnswerError
        result = one(payload, f"{NAMESPACE}CustomerProducts_QueryResult")
        header = one(result, f"{NAMESPACE}Header")
        if one(header, f"{NAMESPACE}Success").text.strip(" \t\r\n") not in {"true", "1"}:
            raise NoAnswerError
        level = [result]
        for name in path:
            level = [child for parent in level for child in parent.findall(NAMESPACE + name)]
        records = [record(element, absent) for element in level if not is_null(element)]
    except (etree.XMLSyntaxError, ValueError, AttributeError, ArithmeticError) as exc:
        raise NoAnswerError from exc
    everywhere = list(root.iter("{*}Customer_Product_ID"))
    if len(everywhere) != len(records):
        raise NoAnswerError
    return records


def is_null(element: etree._Element) -> bool:
    """A null among the records of a list."""
    return element.get(NIL) in {"true", "1"} and len(element) == 0


def one(parent: etree._Element, tag: str) -> etree._Element:
    [found] = parent.findall(tag)
    return found


def record(element: etree._Element, absent: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for wire, kind in ((wire, field.kind) for wire, field in RECORD.items()):
        if element.find(NAMESPACE + wire) is None and wire in absent:
            found[wire.lower()] = None
        else:
            found[wire.lower()] = value(one(element, NAMESPACE + wire), kind)
    if found["customer_product_id"] is None:
        raise NoAnswerError
    return found


def value(element: etree._Element, kind: FieldKind) -> Any:
    if len(element):
        raise NoAnswerError
    text = element.text or ""
    if not text and element.get(NIL) in {"true", "1"}:
        return None
    if kind is FieldKind.TEXT:
        return text
    return converted(text.strip(" \t\r\n"), kind)


def converted(text: str, kind: FieldKind) -> Any:
    if not text:
        return None
    if not text.isascii() or "_" in text:
        raise NoAnswerError
    match kind:
        case FieldKind.INTEGER:
            return integer(text)
        case FieldKind.DECIMAL:
            if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", text):
                raise NoAnswerError
            return Decimal(text)
        case FieldKind.BOOLEAN:
            if text not in BOOLEANS:
                raise NoAnswerError
            return text.lower() in {"true", "1"}
    if not re.fullmatch(
        r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):\d\d:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?", text
    ):
        raise NoAnswerError
    if text[:10] in {"0001-01-01", "0000-00-00"}:
        return None
    return date.fromisoformat(text[:10]).isoformat()


def integer(text: str) -> int:
    number = Decimal(text)
    if "e" in text.lower() or number != int(number) or len(text) > 18:
        raise NoAnswerError
    return int(number)


def comparable(records: list[Any]) -> list[dict[str, Any]]:
    """With decimals compared as numbers."""
    return [
        {
            name: Decimal(value) if name in {"rate", "cost"} and value is not None else value
            for name, value in found.items()
        }
        for found in records
    ]
