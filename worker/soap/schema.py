"""What the vendor's WSDL means for us: where things are, and what leaving them out would do.

zeep reads the document; this module asks it. Nothing is assumed that the document can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from zeep.wsdl import Document
from zeep.wsdl.bindings import Soap11Binding, Soap12Binding
from zeep.wsdl.messages import DocumentMessage
from zeep.xsd import ComplexType
from zeep.xsd.elements import Element
from zeep.xsd.types import builtins as xsd

from worker.soap import vendor
from worker.soap.vendor import Kind

Path = tuple[str, ...]
"""Local names from below an operation's element down to one of its descendants."""

# Deeper than any message of ours, and an end to types that contain themselves.
_MAX_DEPTH = 8

_FITTING: Mapping[Kind, tuple[type, ...]] = {
    Kind.INTEGER: (xsd.Integer, xsd.Decimal),
    Kind.DECIMAL: (xsd.Decimal, xsd.Double, xsd.Float),
    Kind.BOOLEAN: (xsd.Boolean,),
    Kind.DATE: (xsd.Date, xsd.DateTime),
    Kind.TEXT: (xsd.String,),
}


class UnfitWsdlError(Exception):
    """The document is a WSDL, but not of a service that we can use."""


class Shape(StrEnum):
    """What it means to leave a field of an update out, and whether it can be nulled."""

    OPTIONAL = "optional"
    """Left out it stays as it is; it cannot be nulled."""
    NILLABLE = "nillable"
    """Left out it stays as it is; xsi:nil nulls it."""
    WRAPPED = "wrapped"
    """{Updated, Value}; left out it stays as it is."""
    REQUIRED = "required"
    """Left out it would be reset, so it has to be part of every update."""
    MISSING = "missing"
    """The service does not know the field, or types it in a way we cannot fill."""


class ListShape(StrEnum):
    FLAT = "flat"
    """<ID>1</ID><ID>2</ID>"""
    WRAPPED = "wrapped"
    """<ID><int>1</int><int>2</int></ID>"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One SOAP operation, with what is below its request and its answer."""

    name: str
    tag: str
    soap: Any
    requests: Mapping[Path, Element]
    answer_tag: str
    answers: Mapping[Path, Element]
    header_tags: tuple[str, ...]
    """The result element in the answer, and the Header in it."""

    @property
    def action(self) -> str:
        return str(self.soap.soapaction or "")

    def locate(self, name: str) -> Path | None:
        """The highest place of this name in the request."""
        return next((path for path in self.requests if path[-1] == name), None)

    @property
    def session_key(self) -> Path | None:
        return self.locate(vendor.SESSION_KEY)

    @property
    def credentials(self) -> tuple[Path, ...]:
        """Where user name, password and client go; empty if it takes none."""
        found = [self.locate(name) for name in vendor.CREDENTIALS]
        return tuple(path for path in found if path) if all(found) else ()


@dataclass(frozen=True, slots=True)
class ChangeField:
    """One field of an update."""

    name: str
    """The contract's."""
    kind: Kind
    shape: Shape
    path: Path
    xsd_type: str
    """Of the value, as the WSDL has it."""
    is_timed: bool = False
    """A date that is declared with a time."""
    can_clear: bool = False


@dataclass(frozen=True, slots=True)
class FilterList:
    """One filter of a query."""

    name: str
    shape: ListShape
    path: Path
    """Of the repeated element."""


@dataclass(frozen=True, slots=True)
class RecordField:
    wire: str
    tag: str
    kind: Kind
    may_be_absent: bool
    xsd_type: str

    @property
    def name(self) -> str:
        return self.wire.lower()


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a query's records are below its result element, and what they consist of."""

    tags: tuple[str, ...]
    fields: tuple[RecordField, ...]
    unknown_to_wsdl: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    soap_version: str
    operations: Mapping[str, Operation]
    id_path: Path
    """Of the product's id in an update."""
    changes: Mapping[str, ChangeField]
    filters: Mapping[str, FilterList]
    records: RecordPlace
    stray_required: tuple[str, ...]
    """Fields of the update that we cannot fill and that would be reset if left out."""
    operation_count: int
    addresses: tuple[str, ...]

    @property
    def uses_sessions(self) -> bool:
        """Whether one login serves many calls; else each call carries the credentials."""
        ours = (self.operations[name] for name in (vendor.QUERY, vendor.UPDATE))
        return vendor.SESSION_CREATE in self.operations and all(o.session_key for o in ours)


def read_schema(document: Document) -> Schema:
    """Raises UnfitWsdlError with everything that is wrong."""
    binding = _binding(document)
    names = (
        vendor.QUERY,
        vendor.UPDATE,
        vendor.SESSION_CREATE,
        vendor.SESSION_VALIDATE,
        vendor.SESSION_DESTROY,
    )
    operations = {name: _operation(binding, name) for name in names if name in binding.all()}
    update, query = operations[vendor.UPDATE], operations[vendor.QUERY]
    id_path = update.locate(vendor.ID)
    records, problems = _records(query)
    filters = {name: _filter(query, name, wire) for name, wire in vendor.FILTERS.items()}
    problems += [
        f"{vendor.QUERY} takes no list {vendor.FILTERS[name]}"
        for name, found in filters.items()
        if found is None
    ]
    problems += [] if id_path else [f"{vendor.UPDATE} has no {vendor.ID}"]
    problems += [
        f"{operation.name} takes neither a session nor credentials"
        for operation in operations.values()
        if not operation.session_key and not operation.credentials
    ]
    if problems or not id_path or not records:
        raise UnfitWsdlError("; ".join(problems))
    changes = {name: _change(update, id_path[:-1], name) for name in vendor.CHANGES}
    return Schema(
        soap_version="1.1" if isinstance(binding, Soap11Binding) else "1.2",
        operations=operations,
        id_path=id_path,
        changes=changes,
        filters={name: found for name, found in filters.items() if found},
        records=records,
        stray_required=_stray_required(update, id_path, changes),
        operation_count=len(binding.all()),
        addresses=_addresses(document),
    )


def _binding(document: Document) -> Any:  # noqa: ANN401 - zeep's types stay in here
    """The SOAP 1.1 binding that has our operations, else the 1.2 one."""
    for kind in (Soap11Binding, Soap12Binding):
        for binding in document.bindings.values():
            if isinstance(binding, kind) and {vendor.QUERY, vendor.UPDATE} <= set(binding.all()):
                return binding
    raise UnfitWsdlError(f"no SOAP binding has both {vendor.QUERY} and {vendor.UPDATE}")


def _operation(binding: Any, name: str) -> Operation:  # noqa: ANN401
    soap = binding.get(name)
    ends = (soap.input, soap.output)
    if not all(isinstance(end, DocumentMessage) and isinstance(end.body, Element) for end in ends):
        raise UnfitWsdlError(f"{name} is not document/literal with a request and an answer")
    request, answer = (end.body for end in ends)
    answers = dict(_below(answer))
    header = next((path[:-1] for path in answers if path[-1] == "Success"), ())
    if len(header) != len(("Result", "Header")):
        raise UnfitWsdlError(f"the answer of {name} has no Header with Success")
    return Operation(
        name=name,
        tag=request.qname.text,
        soap=soap,
        requests=dict(_below(request)),
        answer_tag=answer.qname.text,
        answers=answers,
        header_tags=(answers[header[:1]].qname.text, answers[header].qname.text),
    )


def _below(root: Element) -> Iterator[tuple[Path, Element]]:
    """Every element below, the highest first."""
    level: list[tuple[Path, Element]] = [((), root)]
    for _ in range(_MAX_DEPTH):
        level = [
            ((*path, child.name), child)
            for path, element in level
            if isinstance(element.type, ComplexType)
            for _, child in element.type.elements
            if isinstance(child, Element)
        ]
        yield from level


def _children(operation: Mapping[Path, Element], parent: Path) -> dict[str, Element]:
    return {
        path[-1]: element for path, element in operation.items() if path[:-1] == parent and path
    }


def _filter(query: Operation, name: str, wire: str) -> FilterList | None:
    path = query.locate(wire)
    if path is None:
        return None
    if query.requests[path].accepts_multiple:
        return FilterList(name, ListShape.FLAT, path)
    items = _children(query.requests, path)
    if len(items) == 1 and all(item.accepts_multiple for item in items.values()):
        return FilterList(name, ListShape.WRAPPED, (*path, *items))
    return None


def _change(update: Operation, parent: Path, name: str) -> ChangeField:
    wire, kind = vendor.CHANGES[name]
    path = (*parent, wire)
    element = update.requests.get(path)
    if element is None:
        return ChangeField(name, kind, Shape.MISSING, path, "none")
    parts = _children(update.requests, path)
    value = parts.get("Value") if {"Updated", "Value"} == set(parts) else element
    if value is None or not isinstance(value.type, _FITTING[kind]):
        return ChangeField(name, kind, Shape.MISSING, path, _type_name(element))
    shape = Shape.WRAPPED if parts else _shape(element)
    can_clear = value.nillable and shape is not Shape.REQUIRED
    is_timed = isinstance(value.type, xsd.DateTime)
    return ChangeField(name, kind, shape, path, _type_name(value), is_timed, can_clear)


def _shape(element: Element) -> Shape:
    if element.default is not None:
        # A server takes a missing element for its declared default.
        return Shape.REQUIRED
    if element.nillable:
        return Shape.NILLABLE
    return Shape.OPTIONAL if element.is_optional else Shape.REQUIRED


def _stray_required(
    update: Operation, id_path: Path, changes: Mapping[str, ChangeField]
) -> tuple[str, ...]:
    """Debug only asks the server to echo; the login's elements are filled or optional."""
    known = {change.path for change in changes.values() if change.shape is not Shape.MISSING}
    ours = {*known, id_path, (*id_path[:-1], "Debug")}
    login = {path[:-1] for path in (*update.credentials, update.session_key) if path}
    return tuple(
        path[-1]
        for path, element in update.requests.items()
        if path[:-1] == id_path[:-1]
        and path not in ours | login
        and path != update.session_key
        and not isinstance(element.type, ComplexType)
        and _shape(element) is Shape.REQUIRED
    )


def _records(query: Operation) -> tuple[RecordPlace | None, list[str]]:
    place = next((path[:-1] for path in query.answers if path[-1] == vendor.RECORD_ID), ())
    if len(place) <= 1:  # the result element itself, or nothing
        return None, [f"the answer of {vendor.QUERY} has no records with {vendor.RECORD_ID}"]
    known = _children(query.answers, place)
    fields = tuple(
        RecordField(
            wire=wire,
            tag=known[wire].qname.text,
            kind=kind,
            may_be_absent=known[wire].is_optional and wire != vendor.RECORD_ID,
            xsd_type=_type_name(known[wire]),
        )
        for wire, kind in vendor.RECORD.items()
        if wire in known
    )
    unknown = tuple(wire for wire in vendor.RECORD if wire not in known)
    problems = [f"records have no {wire}" for wire in unknown if wire in vendor.NEEDED]
    tags = tuple(query.answers[place[: n + 1]].qname.text for n in range(1, len(place)))
    return RecordPlace(tags, fields, unknown), problems


def _type_name(element: Element) -> str:
    qname = element.type.qname
    return str(qname.localname) if qname is not None else "anonymous"


def _addresses(document: Document) -> tuple[str, ...]:
    return tuple(
        str(port.binding_options["address"])
        for service in document.services.values()
        for port in service.ports.values()
        if port.binding_options and port.binding_options.get("address")
    )
