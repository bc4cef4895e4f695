"""The records of a query's answer, taken out of the tree while it grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import NoReturn, cast

from lxml import etree

from revio_jobs.contracts import CustomerProductRecord
from worker.soap import vendor
from worker.soap.lexical import READERS, Value
from worker.soap.schema import RecordPlace
from worker.soap.xml import UnreadableAnswerError, is_nil, local_name

_BLANK: dict[str, Value] = dict.fromkeys(wire.lower() for wire in vendor.RECORD)


class _Remembering(dict[str, Value]):
    """A reader of texts that remembers: the same dates, prices and codes come again and again."""

    def __init__(self, read: Callable[[str], Value]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> Value:
        value = self[text] = self._read(text)
        return value


class RecordReader:
    """Reads the records of one answer."""

    def __init__(self, place: RecordPlace, keep: Collection[str]) -> None:
        self.tag = place.tags[-1]
        self.found: list[CustomerProductRecord] = []
        self.unknown: Counter[str] = Counter()
        self._kept = {self.tag, *keep}
        self._readers = {
            field.tag: (field.name, _Remembering(READERS[field.kind])) for field in place.fields
        }
        self._required = {field.name for field in place.fields if not field.may_be_absent}

    def take(self, element: etree._Element) -> None:
        """Reads a record and empties its element. Raises UnreadableAnswerError."""
        self.found.append(self._read(element))
        # The parser may still be writing the text behind the element: that has to stay.
        element.clear(keep_tail=True)  # type: ignore[call-arg]  # newer than the stubs
        self._drop_what_is_before(element)

    def _read(self, element: etree._Element) -> CustomerProductRecord:
        values: dict[str, Value] = {}
        unknown = 0
        for child in element:
            try:
                name, reader = self._readers[child.tag]
            except KeyError:
                self._pass_over(child)
                unknown += 1
                continue
            text = child.text
            try:
                if text is None and is_nil(child):
                    values[name] = None
                else:
                    values[name] = reader[text or ""]
            except ValueError as exc:
                self._refuse(f"{name} holds {exc}")
            if len(child):
                self._refuse(f"{name} holds elements")
        if len(values) + unknown != len(element):
            self._refuse("a field came twice")
        if len(values) != len(_BLANK):
            if missing := self._required - values.keys():
                self._refuse(f"{', '.join(sorted(missing))} missing")
            values = _BLANK | values
        if values["customer_product_id"] is None:
            self._refuse("it has no id")
        return cast("CustomerProductRecord", values)

    def _refuse(self, reason: str) -> NoReturn:
        raise UnreadableAnswerError(f"record {len(self.found) + 1}: {reason}") from None

    def _pass_over(self, element: etree._Element) -> None:
        name = local_name(element)
        if name in vendor.RECORD:
            self._refuse(f"{name} in another namespace")
        self.unknown[name] += 1

    def _drop_what_is_before(self, element: etree._Element) -> None:
        before = element.getprevious()
        while before is not None and before.tag not in self._kept:
            earlier = before.getprevious()
            self.unknown[local_name(before)] += 1
            parent = element.getparent()
            if parent is not None:
                parent.remove(before)
            before = earlier
