"""What the readers of answers share: small questions to an element, and their one error."""

from __future__ import annotations

from lxml import etree

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


class UnreadableAnswerError(Exception):
    """This is no answer to what was asked, or not a whole one."""


def local_name(element: etree._Element) -> str:
    return etree.QName(element).localname


def is_nil(element: etree._Element) -> bool:
    return element.get(_NIL) in {"true", "1"}


def text_of(leaf: etree._Element) -> str:
    return leaf.text or ""
