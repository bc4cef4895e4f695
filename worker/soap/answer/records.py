"""The tree reader: takes records out of the tree while it grows, in any form XML allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NoReturn, cast

from lxml import etree

from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import UnreadableRecord
from worker.soap import vendor
from worker.soap.answer.lexical import READERS, Value, read_integer
from worker.soap.answer.pattern_records import MARK, Cut
from worker.soap.answer.xml import (
    SpoiltAnswerError,
    UnreadableAnswerError,
    holds_a_record,
    is_nil,
    local_name,
)
from worker.soap.wsdl.schema import RecordPlace

_BLANK: dict[str, Value] = dict.fromkeys(field.name for field in vendor.RECORD.values())


class _FieldError(Exception):
    """One field of a record cannot be read, which says nothing of the other records."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem


class RecordReader:
    """Reads the records of one answer, each by itself. Of what was cut out it reads the marks."""

    def __init__(self, place: RecordPlace, keep: Collection[str], cut: Cut | None) -> None:
        self.tag = place.tags[-1]
        self.records: list[CustomerProductRecord] = []
        self.unreadable: list[UnreadableRecord] = []
        self.elements = 0
        """How many elements the records were in."""
        self.unknown: Counter[str] = Counter()
        self._cut = cut
        self._left_in_tree = {self.tag, *keep}
        self._readers = {f.tag: (f.name, READERS[f.kind]) for f in place.fields if f.kind}
        self._ignored = {field.tag for field in place.fields if not field.kind}
        self._required = {f.name for f in place.fields if f.kind and not f.may_be_absent}

    def take(self, element: etree._Element) -> None:
        """Read a record and empty its element. Raises UnreadableAnswerError."""
        self.elements += 1
        if is_nil(element) and len(element) == 0 and MARK not in element.attrib:
            self._empty(element)  # a null item of a list holds no record
            return
        if self._cut and (mark := element.get(MARK)) in self._cut.runs:
            if self._cut.has_nil and not is_nil(element):
                self._refuse("xsi means something else here")
            self.records += self._cut.runs.pop(mark)
        else:
            self._read_by_itself(element)
        self._empty(element)

    def _empty(self, element: etree._Element) -> None:
        # The parser may still be writing the text behind the element: that has to stay.
        element.clear(keep_tail=True)  # type: ignore[call-arg]  # newer than the stubs
        self._drop_what_is_before(element)

    def check_all_found(self) -> None:
        """Raises UnreadableAnswerError if a mark has not been met."""
        if self._cut and self._cut.runs:
            self._refuse("records in another namespace")

    def _read_by_itself(self, element: etree._Element) -> None:
        try:
            self.records.append(self._read(element))
        except _FieldError as exc:
            self.unreadable.append(self._identified(element, exc))

    def _identified(self, element: etree._Element, fault: _FieldError) -> UnreadableRecord:
        """Name the product, customer or line concerned. Raises SpoiltAnswerError if it cannot."""
        product = self._sole_integer(element, "customer_product_id")
        if product is None:
            number = len(self.records) + len(self.unreadable) + 1
            raise SpoiltAnswerError(f"record {number}: {fault.problem}") from None
        return UnreadableRecord(
            product,
            self._sole_integer(element, "customer_id"),
            self._sole_integer(element, "line_id"),
            fault.field,
            fault.problem,
        )

    def _sole_integer(self, element: etree._Element, name: str) -> int | None:
        tags = (tag for tag, (known, _) in self._readers.items() if known == name)
        leaves = [leaf for tag in tags for leaf in element.iterchildren(tag)]
        if len(leaves) != 1 or len(leaves[0]):
            return None
        try:
            return read_integer(leaves[0].text or "")
        except ValueError:
            return None

    def _read(self, element: etree._Element) -> CustomerProductRecord:
        values: dict[str, Value] = {}
        others = 0
        for child in element:
            if child.tag in self._readers:
                name, value = self._value(child)
                values[name] = value
            else:
                self._pass_over(child)
                others += 1
        if len(values) + others != len(element):
            name = self._repeated(element)
            raise _FieldError(name, f"{name} came twice")
        if missing := sorted(self._required - values.keys()):
            raise _FieldError(missing[0], f"{', '.join(missing)} missing")
        if values["customer_product_id"] is None:
            raise _FieldError("customer_product_id", "it has no id")
        return cast("CustomerProductRecord", _BLANK | values)

    def _value(self, field: etree._Element) -> tuple[str, Value]:
        name, read = self._readers[field.tag]
        if len(field):
            raise _FieldError(name, f"{name} holds elements")
        if not field.text and is_nil(field):
            return name, None
        try:
            return name, read(field.text or "")
        except ValueError as exc:
            raise _FieldError(name, f"{name} holds {exc}") from None

    def _repeated(self, element: etree._Element) -> str:
        names = Counter(child.tag for child in element if child.tag in self._readers)
        tag = names.most_common(1)[0][0]
        return self._readers[tag][0]

    def _refuse(self, reason: str) -> NoReturn:
        raise UnreadableAnswerError(f"record {len(self.records) + 1}: {reason}") from None

    def _pass_over(self, element: etree._Element) -> None:
        if local_name(element) in vendor.RECORD:
            self._refuse(f"{local_name(element)} in another namespace")
        self._count_unknown(element)

    def _drop_what_is_before(self, element: etree._Element) -> None:
        before = element.getprevious()
        while before is not None and before.tag not in self._left_in_tree:
            earlier = before.getprevious()
            self._count_unknown(before)
            parent = element.getparent()
            if parent is not None:
                parent.remove(before)
            before = earlier

    def _count_unknown(self, element: etree._Element) -> None:
        """Before it is forgotten; a record in it must not be."""
        if holds_a_record(element):
            self._refuse("records in an unexpected place")
        if element.tag not in self._ignored:
            self.unknown[local_name(element)] += 1
