"""Reads answers: strict about what is needed, tolerant of the rest, all or nothing."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NoReturn

from lxml import etree

from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import UnreadableRecord
from worker.soap import vendor
from worker.soap.answer.forbidden import MARK, REPLACEMENT, mark_forbidden
from worker.soap.answer.lexical import read_boolean
from worker.soap.answer.pattern_records import Cut, PatternRecords
from worker.soap.answer.records import RecordReader
from worker.soap.answer.xml import (
    BrokenXmlError,
    SpoiltAnswerError,
    UnreadableAnswerError,
    holds_a_record,
    is_nil,
    local_name,
    text_of,
)
from worker.soap.wsdl.schema import Operation, RecordPlace

_ENVELOPES = {
    f"{{{namespace}}}Envelope": f"{{{namespace}}}"
    for namespace in (
        "http://schemas.xmlsoap.org/soap/envelope/",
        "http://www.w3.org/2003/05/soap-envelope",
    )
}
_PIECE_BYTES = 65_536
# Within these the answer says to which operation it belongs.
_HEAD_BYTES = 4_096
# More than ever stands between two records; it bounds the tree in memory.
_MAX_GAP_BYTES = 2**20
_NO_RECORDS = "{urn:none}none"


class SoapFaultError(Exception):
    """A SOAP Fault."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    success: bool
    error_code: str | None
    message: str
    session_key: str | None
    records: list[CustomerProductRecord]
    unknown: Counter[str]
    """Counts, by name, of elements that the WSDL does not declare."""
    unreadable: tuple[UnreadableRecord, ...] = ()
    """The records that came and cannot be read."""
    replaced_in: tuple[int, ...] = ()
    """IDs of the products in whose texts characters were replaced, since XML forbids them."""


class AnswerReader:
    """Reads the answers to one operation, each body in one go."""

    def __init__(self, operation: Operation, place: RecordPlace | None = None) -> None:
        self._operation = operation
        self._place = place
        self._pattern = PatternRecords.for_place(place) if place else None

    @property
    def operation(self) -> str:
        """The vendor's name of the operation."""
        return self._operation.name

    def read(self, body: bytes) -> SoapAnswer:
        """Raises UnreadableAnswerError, SpoiltAnswerError if it is whole, or SoapFaultError."""
        try:
            return self._read_fast(body)
        except BrokenXmlError as exc:
            marked = mark_forbidden(body)
            if marked is None:
                raise self._spoilt(body, exc) from None
        try:
            return _with_replacements(self._read_fast(marked))
        except BrokenXmlError as exc:
            raise self._spoilt(body, exc) from None

    def _spoilt(self, body: bytes, error: BrokenXmlError) -> UnreadableAnswerError:
        """Whether what came was cut off or foreign, or an answer that only its content breaks."""
        _, _, name = self._operation.answer_tag.rpartition("}")
        head = body[:_HEAD_BYTES]
        is_ours = name.encode() in head and b"<!DOCTYPE" not in head
        is_whole = body.rstrip().endswith(b"Envelope>")
        return SpoiltAnswerError(str(error)) if is_ours and is_whole else error

    def _read_fast(self, body: bytes) -> SoapAnswer:
        if self._pattern and (cut := self._pattern.cut(body)):
            # The tree reader finds the same fault and decides about it.
            with suppress(UnreadableAnswerError):
                return self._read(cut.rest, cut)
        return self._read(body, None)

    def _read(self, body: bytes, cut: Cut | None) -> SoapAnswer:
        result_tag, header_tag = self._operation.header_tags
        place = self._place
        records = RecordReader(place, self._operation.header_tags, cut) if place else None
        try:
            root = _parse(body, records)
        except etree.XMLSyntaxError as exc:
            # Its text may quote the answer.
            raise BrokenXmlError(f"broken XML at {exc.position}") from None
        result = _only(_payload(root, self._operation.answer_tag), result_tag)
        header = _header(_only(result, header_tag))
        if records and place:
            records.check_all_found()
            _check_places(root, result, place, records.elements)
        return SoapAnswer(
            success=_success(header),
            error_code=header.get("Error_Code") or None,
            message=header.get("Message") or header.get("Error_Description") or "",
            session_key=_session_key(result, header),
            records=records.records if records else [],
            unknown=records.unknown if records else Counter(),
            unreadable=tuple(records.unreadable) if records else (),
        )


def _with_replacements(answer: SoapAnswer) -> SoapAnswer:
    """With U+FFFD where XML forbids what the vendor sent. Raises UnreadableAnswerError."""
    if MARK in (answer.session_key or "") + (answer.error_code or ""):
        raise UnreadableAnswerError("characters that XML forbids in the Header")
    replaced_in: dict[int, None] = {}
    for record in answer.records:
        for name, value in record.items():
            if isinstance(value, str) and MARK in value:
                record[name] = value.replace(MARK, REPLACEMENT)  # type: ignore[literal-required]
                replaced_in[record["customer_product_id"]] = None
    message = answer.message.replace(MARK, REPLACEMENT)
    return replace(answer, message=message, replaced_in=tuple(replaced_in))


def _parse(body: bytes, records: RecordReader | None) -> etree._Element:
    """The tree without the content of its records."""
    parser = etree.XMLPullParser(
        events=("end",),
        tag=records.tag if records else _NO_RECORDS,
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    gap = 0
    for start in range(0, len(body), _PIECE_BYTES):
        parser.feed(body[start : start + _PIECE_BYTES])
        gap += _PIECE_BYTES
        for _, element in parser.read_events():
            gap = 0
            if records:
                records.take(element)  # type: ignore[arg-type]  # no namespaces in these events
        if gap > _MAX_GAP_BYTES:
            raise UnreadableAnswerError("too much without a record")
    root = parser.close()
    if root.getroottree().docinfo.doctype:  # type: ignore[attr-defined]  # missing in the stubs
        raise UnreadableAnswerError("a document type declaration")
    return root


def _payload(root: etree._Element, answer_tag: str) -> etree._Element:
    namespace = _ENVELOPES.get(root.tag)
    if namespace is None:
        raise UnreadableAnswerError("no SOAP envelope")
    content = list(_only(root, f"{namespace}Body"))
    if len(content) != 1:
        raise UnreadableAnswerError(f"{len(content)} elements in the SOAP body")
    if content[0].tag == f"{namespace}Fault":
        _raise_fault(content[0])
    if content[0].tag != answer_tag:
        raise UnreadableAnswerError("an answer to another operation")
    return content[0]


def _raise_fault(fault: etree._Element) -> NoReturn:
    """SOAP 1.1 has faultcode and faultstring, 1.2 has Code/Value and Reason/Text."""
    texts = {local_name(element): (element.text or "").strip() for element in fault.iter()}
    code = texts.get("faultcode") or texts.get("Value") or ""
    raise SoapFaultError(code, texts.get("faultstring") or texts.get("Text") or "")


def _only(parent: etree._Element, tag: str) -> etree._Element:
    children = parent.findall(tag)
    if len(children) != 1:
        raise UnreadableAnswerError(f"{len(children)} elements {etree.QName(tag).localname}")
    return children[0]


def _header(element: etree._Element) -> dict[str, str]:
    """The texts of the Header's own namespace by name, without the blanks of a pretty print.

    What is nil is left out.
    """
    namespace, brace, _ = element.tag.rpartition("}")
    texts: dict[str, str] = {}
    for child in element.iterchildren(f"{namespace}{brace}*"):
        name = local_name(child)
        if name in texts:
            raise UnreadableAnswerError(f"{name} twice in the Header")
        if len(child) == 0 and not is_nil(child):
            texts[name] = text_of(child).strip()
    return texts


def _success(header: dict[str, str]) -> bool:
    try:
        return read_boolean(header.get("Success", ""))
    except ValueError:
        raise UnreadableAnswerError("the Header does not say whether it succeeded") from None


def _session_key(result: etree._Element, header: dict[str, str]) -> str | None:
    """Sessions_Create puts it next to the Header, any other answer into it."""
    beside = next((child for child in result if local_name(child) == vendor.SESSION_KEY), None)
    if beside is not None and (key := text_of(beside).strip()):
        return key
    return header.get(vendor.SESSION_KEY) or None


def _check_places(
    root: etree._Element, result: etree._Element, place: RecordPlace, count: int
) -> None:
    """Records were taken by their name; each of them must have been where they belong, and none
    may be anywhere under another name.
    """
    level = [result]
    for tag in place.tags:
        level = [child for parent in level for child in parent.iterchildren(tag)]
    if len(level) != count or holds_a_record(root):
        raise UnreadableAnswerError("records in an unexpected place")
