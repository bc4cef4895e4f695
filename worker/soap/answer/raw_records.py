"""A query's records with the text of every field, as they were written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lxml import etree

from worker.soap import vendor
from worker.soap.answer.document import document_of
from worker.soap.answer.lexical import READERS
from worker.soap.answer.xml import UnreadableAnswerError, is_nil, local_name, text_of
from worker.soap.http.wire import HttpResponse


@dataclass(frozen=True)
class RawRecord:
    """One record."""

    leaves: Mapping[str, str | None]
    """Texts by the vendor's names; None is xsi:nil, and an absent element is not there."""

    @property
    def id(self) -> int | None:
        """The customer product's, if it can be read."""
        value = self.values.get("customer_product_id")
        return value if isinstance(value, int) else None

    @cached_property
    def values(self) -> Mapping[str, object]:
        """JSON values by the contract's names, every field that queries show; None for no value.

        A text that cannot be read as its field's kind stays a text.
        """
        return {name.name: _value(name, self.leaves.get(wire)) for wire, name in _FIELDS}

    def text(self, name: str) -> str | None:
        """How the field of the contract's name was written; None if it was nil or absent."""
        return self.leaves.get(vendor.FIELD_BY_NAME[name].record)


def read_raw_records(http: HttpResponse) -> tuple[RawRecord, ...]:
    """Empty if the document cannot be parsed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(document_of(http), parser)
    except (UnreadableAnswerError, etree.XMLSyntaxError):
        return ()
    parents = (found.getparent() for found in root.iter(f"{{*}}{vendor.RECORD_ID}"))
    return tuple(RawRecord(_leaves(parent)) for parent in parents if parent is not None)


_FIELDS = tuple(vendor.RECORD.items())


def _value(known: vendor.VendorField, text: str | None) -> object:
    if text is None:
        return None
    try:
        return READERS[known.kind](text)
    except ValueError:
        return text


def _leaves(record: etree._Element) -> dict[str, str | None]:
    # Comments have no name.
    leaves = (leaf for leaf in record if not callable(leaf.tag))
    return {local_name(leaf): None if is_nil(leaf) else text_of(leaf) for leaf in leaves}
