"""What the vendor's WSDL means for us: where things are, and what leaving them out would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from zeep.xsd.elements import Element

from revio_jobs.contracts.product_fields import FieldKind
from worker.soap import vendor

Path = tuple[str, ...]
"""Local names from below an operation's element down to one of its descendants."""


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
        paths = [self.locate(name) for name in vendor.CREDENTIALS]
        return tuple(path for path in paths if path) if all(paths) else ()


@dataclass(frozen=True, slots=True)
class ChangeField:
    """One field of an update."""

    name: str
    """The contract's."""
    kind: FieldKind
    shape: Shape
    path: Path
    xsd_type: str
    """The value's type, as the WSDL has it."""
    is_timed: bool = False
    """A date that is declared with a time."""
    can_clear: bool = False


@dataclass(frozen=True, slots=True)
class FilterList:
    """One filter of a query."""

    name: str
    shape: ListShape
    path: Path
    """The tag of the repeated element."""


@dataclass(frozen=True, slots=True)
class RecordField:
    wire: str
    tag: str
    kind: FieldKind | None
    """None if the schema has the field and we do not need it."""
    may_be_absent: bool
    nillable: bool
    xsd_type: str

    @property
    def name(self) -> str:
        """The contract's; of a field that it does not have, the vendor's."""
        known = vendor.RECORD.get(self.wire)
        return known.name if known else self.wire


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where a query's records are below its result element, and what they consist of."""

    tags: tuple[str, ...]
    """From below the result element down to the record's own."""
    fields: tuple[RecordField, ...]
    """In the schema's order."""
    unknown_to_wsdl: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    soap_version: str
    operations: Mapping[str, Operation]
    id_path: Path
    """The type of the product's id in an update."""
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


@dataclass(frozen=True, slots=True)
class Wsdl:
    """A WSDL that was read: what it means for us, and which document said so."""

    schema: Schema
    location: str
    """A path or a URL."""
    sha256: str
    """SHA-256 of the document and all that it imports."""
    is_kept_copy: bool
    """It is the last good copy, since the vendor's own could not be loaded."""
    documents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The WSDL and what it imports, by location."""
