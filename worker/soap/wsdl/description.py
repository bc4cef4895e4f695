"""The WSDL described for people: for `revio doctor`, and for the warning when it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from worker.soap import vendor
from worker.soap.wsdl.schema import Operation, RecordField, Schema, Shape, Wsdl

_RESET = "fields that would be reset"
_NOTHING = "none"
# Shapes in which an update that leaves the field out resets it, or cannot set it.
_UNSAFE = {Shape.REQUIRED.value, Shape.MISSING.value}


@dataclass(frozen=True, slots=True)
class FieldDescription:
    """One field that we use, and how the vendor's schema has it."""

    where: str
    """update, query or record."""
    name: str
    """The contract's name."""
    wire: str
    """The vendor's."""
    shape: str
    """optional, nillable, wrapped, required, missing, flat."""
    xsd_type: str
    can_clear: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    location: str
    sha256: str
    is_kept_copy: bool
    """The vendor did not serve its own."""
    soap_version: str
    endpoint: str
    other_addresses: tuple[str, ...]
    """Named by the WSDL and not used."""
    operation_count: int
    login: str
    """session or credentials."""
    records_at: str
    fields: tuple[FieldDescription, ...]
    problems: tuple[str, ...]
    """What cannot be done as long as the schema is like this."""


def describe(wsdl: Wsdl, endpoint: str) -> Description:
    schema = wsdl.schema
    return Description(
        location=wsdl.location,
        sha256=wsdl.sha256,
        is_kept_copy=wsdl.is_kept_copy,
        soap_version=schema.soap_version,
        endpoint=endpoint,
        other_addresses=tuple(sorted({*schema.addresses} - {endpoint})),
        operation_count=schema.operation_count,
        login=_login(schema),
        records_at=_records_at(schema),
        fields=_fields(schema),
        problems=_problems(schema),
    )


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What has changed in the facts, one line each; empty if the change does not concern us."""
    return [
        f"{name}: {before.get(name, 'none')} → {after.get(name, 'none')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def changes_for_the_worse(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The changes after which updates that were safe could reset a field, or be unchecked."""
    worse = [
        f"{name} was {fact}, and is {after.get(name, 'gone')}"
        for name, fact in before.items()
        if (name.startswith("update ") and _shape(after.get(name)) in _UNSAFE - {_shape(fact)})
        or (name.startswith("record ") and name not in after)
    ]
    reset = set(after.get(_RESET, _NOTHING).split(", ")) - set(before.get(_RESET, "").split(", "))
    if reset - {_NOTHING}:
        worse.append(f"an update would now reset {', '.join(sorted(reset))}")
    return worse


def _shape(fact: str | None) -> str:
    return (fact or Shape.MISSING).partition(" ")[0]


def _fields(schema: Schema) -> tuple[FieldDescription, ...]:
    updates = (
        FieldDescription(
            "update", field.name, field.path[-1], field.shape, field.xsd_type, field.can_clear
        )
        for field in schema.changes.values()
    )
    filters = (
        FieldDescription("query", filter_.name, vendor.FILTERS[filter_.name], filter_.shape, "int")
        for filter_ in schema.filters.values()
    )
    records = (
        FieldDescription(
            "record",
            field.name,
            field.wire,
            _record_shape(field),
            field.xsd_type,
        )
        for field in schema.records.fields
        if field.kind
    )
    return (*updates, *filters, *records)


def _form(operation: Operation) -> str:
    """Tells whether its elements, their order or their namespace have changed."""
    paths = (operation.requests, operation.answers)
    parts = [operation.tag, *("/".join(path) for below in paths for path in below)]
    return f"{len(parts) - 1} elements, {hashlib.sha256('|'.join(parts).encode()).hexdigest()[:8]}"


def _record_shape(field: RecordField) -> Shape:
    if field.may_be_absent:
        return Shape.OPTIONAL
    return Shape.NILLABLE if field.nillable else Shape.REQUIRED


def _login(schema: Schema) -> str:
    return "session" if schema.uses_sessions else "credentials"


def _records_at(schema: Schema) -> str:
    return "/".join(tag.rpartition("}")[2] for tag in schema.records.tags)


def _problems(schema: Schema) -> tuple[str, ...]:
    changes = schema.changes.values()
    missing = [field.name for field in changes if field.shape is Shape.MISSING]
    required = [field.name for field in changes if field.shape is Shape.REQUIRED]
    problems = []
    if missing:
        problems.append(f"cannot be changed: {', '.join(missing)}")
    if required:
        problems.append(f"would be reset unless part of every update: {', '.join(required)}")
    if schema.stray_required:
        problems.append(f"no update is possible: it would reset {', '.join(schema.stray_required)}")
    if schema.records.unknown_to_wsdl:
        problems.append(f"always empty in records: {', '.join(schema.records.unknown_to_wsdl)}")
    return tuple(problems)


def facts(schema: Schema) -> dict[str, str]:
    """What the schema says about each thing that we use, in words that can be compared."""
    fields = {
        f"{field.where} {field.wire}": f"{field.shape} {field.xsd_type}"
        + (" clearable" if field.can_clear else "")
        for field in _fields(schema)
    }
    forms = {f"{operation.name} form": _form(operation) for operation in schema.operations.values()}
    return (
        fields
        | forms
        | {
            "SOAP version": schema.soap_version,
            "login": _login(schema),
            "records": _records_at(schema),
            _RESET: ", ".join(schema.stray_required) or _NOTHING,
        }
    )
