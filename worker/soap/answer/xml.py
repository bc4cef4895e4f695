"""Questions to an XML element, and the error of an answer that cannot be read."""

from __future__ import annotations

from lxml import etree

from worker.soap.vendor import RECORD_ID

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class UnreadableAnswerError(Exception):
    """The body is not a whole answer to what was asked."""


class SpoiltAnswerError(UnreadableAnswerError):
    """The answer is whole, and something in a product makes it unreadable."""


class BrokenXmlError(UnreadableAnswerError):
    """The body is not well-formed XML."""


def local_name(element: etree._Element) -> str:
    return etree.QName(element).localname


def is_nil(element: etree._Element) -> bool:
    return element.get(_NIL) in {"true", "1"}


def holds_a_record(element: etree._Element) -> bool:
    """Whether anything in it is named as only a record's id is, in any namespace."""
    return next(element.iter(f"{{*}}{RECORD_ID}"), None) is not None


def text_of(leaf: etree._Element) -> str:
    return leaf.text or ""
