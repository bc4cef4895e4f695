"""The fast path: one pattern reads records that are written as ASP.NET writes them; nearly all are.

Such a record is a text that a regular expression made from the schema matches from its first byte
to its last, and that means the same wherever it stands: it has no comment, no reference but XML's
own five, no prefix but xsi and no attribute but xsi:nil. Runs of them are cut out, and a mark, an
element of the same name, stays in the place of each run. So the rest is well-formed exactly if the
whole is, and the tree reader, which reads it, meets the marks where it would have met the records.
Every other record stays in the rest.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from operator import getitem
from typing import Self, cast

from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.contracts.product_fields import FieldKind
from worker.soap.answer.lexical import READERS, Value
from worker.soap.vendor import RECORD, RECORD_ID
from worker.soap.wsdl.schema import RecordField, RecordPlace

MARK = "cut"
"""The attribute of a mark that says which run it stands for."""

_ENTITIES = {b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&apos;": b"'", b"&amp;": b"&"}
# No markup, no line end that XML would change, nothing that XML may forbid.
_PLAIN = rb"[^<>&\x00-\x1f\xef]*+"
_TEXT = _PLAIN + b"(?:(?:" + b"|".join(_ENTITIES) + b")" + _PLAIN + b")*+"
_SPACE = rb"[ \t\r\n]*+"
_INTEGER = rb"-?[0-9]{1,18}+"
_NIL = b' xsi:nil="true"'
_DECLARATION = re.compile(rb"""<\?xml version="1.0" encoding=["']utf-8["'] ?\?>""", re.IGNORECASE)

# Values remembered per field; most fields have only a few.
_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Cut:
    """An answer, and what was taken out of it."""

    rest: bytes
    runs: dict[str, list[CustomerProductRecord]]
    """By the value of the mark that stands for them."""
    has_nil: bool
    """The marks use xsi:nil too, to show what the prefix means there."""


class PatternRecords:
    """Finds the records of one schema that its pattern matches."""

    def __init__(self, place: RecordPlace) -> None:
        self._columns = {f.name: _Column(f) for f in place.fields if f.kind}
        self._absent = dict.fromkeys(RECORD[wire].name for wire in place.unknown_to_wsdl)
        self._name = _split(place.tags[-1])[1].encode()
        self._pattern = re.compile(
            _SPACE
            + b"<%b>" % self._name
            + b"".join(map(_pattern, place.fields))
            + _SPACE
            + b"</%b>" % self._name
        )

    @classmethod
    def for_place(cls, place: RecordPlace) -> Self | None:
        """The records of that place; None if they cannot do without prefixes."""
        namespaces = {_split(tag)[0] for tag in (place.tags[-1], *(f.tag for f in place.fields))}
        return cls(place) if len(namespaces) == 1 else None

    def cut(self, body: bytes) -> Cut | None:
        """Cut the records out; None if there are none, or text might not be what it looks like."""
        declaration = _DECLARATION.match(body)
        start = declaration.end() if declaration else 0
        if _holds(body, b"<!") or _holds(body, b"<?", start):
            return None
        cut = self._cut(body)
        return cut if cut.runs else None

    def _cut(self, body: bytes) -> Cut:
        columns = self._columns
        has_nil = _NIL in body
        token = secrets.token_hex(8)
        runs: dict[str, list[CustomerProductRecord]] = {}
        run: list[CustomerProductRecord] = []
        rest = bytearray()
        end = 0
        for match in self._pattern.finditer(body):
            values = map(getitem, columns.values(), match.groups())
            try:
                record = dict(zip(columns, values, strict=True))
            except ValueError:
                continue  # the tree reader will say what is wrong
            start, stop = match.span()
            if start != end or not runs:
                mark = f"{token}-{len(runs)}"
                run = runs[mark] = []
                rest += body[end:start] + self._mark(mark, has_nil=has_nil)
            run.append(cast("CustomerProductRecord", self._absent | record))
            end = stop
        return Cut(bytes(rest + body[end:]), runs, has_nil)

    def _mark(self, mark: str, *, has_nil: bool) -> bytes:
        nil = _NIL if has_nil else b""
        return b'<%b %b="%b"%b/>' % (self._name, MARK.encode(), mark.encode(), nil)


class _Column(dict[bytes | None, Value]):
    """The values of one field by what its group of the pattern matched; None if it is absent.

    The same ones come again and again. For all threads.
    """

    def __init__(self, field: RecordField) -> None:
        super().__init__()
        is_integer = field.kind is FieldKind.INTEGER
        self._value: Callable[[bytes], Value] = int if is_integer else self._of_element
        self._read: Callable[[str], Value] = READERS[field.kind] if field.kind else str
        self._text = slice(len(f"<{field.wire}>"), -len(f"</{field.wire}>"))

    def __missing__(self, group: bytes | None) -> Value:
        value = None if group is None else self._value(group)
        if len(self) < _REMEMBERED:
            self[group] = value
        return value

    def _of_element(self, element: bytes) -> Value:
        if element.endswith(b" />"):
            return None if _NIL in element else self._read("")
        return self._read(_unescaped(element[self._text]).decode())


def _holds(body: bytes, markup: bytes, start: int = 0) -> bool:
    """Looks for the rarer of the two characters first, which is ten times as fast."""
    return body.find(markup[1:], start) >= 0 and body.find(markup, start) >= 0


def _unescaped(text: bytes) -> bytes:
    if b"&" in text:
        for entity, character in _ENTITIES.items():  # &amp; comes last: its result is not an entity
            text = text.replace(entity, character)
    return text


def _pattern(field: RecordField) -> bytes:
    """Matches the field's element, or nothing where it may be absent.

    A group, if we need the field, has the digits of an integer, else the element.
    """
    name = field.wire.encode()
    nil = [] if field.wire == RECORD_ID else [b"<%b%b />" % (name, _NIL)]
    if field.kind is FieldKind.INTEGER:
        element = _any_of(b"<%b>(%b)</%b>" % (name, _INTEGER, name), *nil)
    else:
        forms = _any_of(b"<%b>%b</%b>" % (name, _TEXT, name), b"<%b />" % name, *nil)
        element = b"(%b)" % forms if field.kind else forms
    return _SPACE + element + (b"?+" if field.may_be_absent else b"")


def _any_of(*forms: bytes) -> bytes:
    return b"(?:" + b"|".join(forms) + b")"


def _split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition("}")
    return namespace, name
