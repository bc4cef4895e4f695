"""Reads our schema from the vendor's WSDL.

zeep understands the document; this module asks it. Nothing is assumed that the document can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zeep.wsdl import Document
from zeep.wsdl.bindings import Soap11Binding, Soap12Binding
from zeep.wsdl.messages import DocumentMessage
from zeep.xsd import ComplexType
from zeep.xsd.elements import Element
from zeep.xsd.types import builtins as xsd

from revio_jobs.contracts.product_fields import FieldKind
from worker.soap import vendor
from worker.soap.wsdl.schema import (
    ChangeField,
    FilterList,
    ListShape,
    Operation,
    Path,
    RecordField,
    RecordPlace,
    Schema,
    Shape,
    UnfitWsdlError,
)

# Deeper than any message of ours, and an end to types that contain themselves.
_MAX_DEPTH = 8

_FITTING: Mapping[FieldKind, tuple[type, ...]] = {
    FieldKind.INTEGER: (xsd.Integer, xsd.Decimal),
    FieldKind.DECIMAL: (xsd.Decimal, xsd.Double, xsd.Float),
    FieldKind.BOOLEAN: (xsd.Boolean,),
    FieldKind.DATE: (xsd.Date, xsd.DateTime),
    FieldKind.TEXT: (xsd.String,),
}


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
        for name, wire in filters.items()
        if wire is None
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
        filters={name: wire for name, wire in filters.items() if wire},
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
    wire, kind = vendor.CHANGES[name].update, vendor.CHANGES[name].kind
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
            tag=element.qname.text,
            kind=vendor.RECORD[wire].kind if wire in vendor.RECORD else None,
            may_be_absent=element.is_optional and wire != vendor.RECORD_ID,
            nillable=element.nillable,
            xsd_type=_type_name(element),
        )
        for wire, element in known.items()
    )
    unknown = tuple(wire for wire in vendor.RECORD if wire not in known)
    problems = [f"records have no {wire}" for wire in unknown if vendor.RECORD[wire].is_needed]
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
