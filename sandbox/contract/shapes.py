"""What is unknown of the vendor's WSDL, as independent choices."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle

from sandbox.contract.schema import BOOLEAN, DATE, DATE_TIME, DECIMAL, INTEGER, STRING, Scalar

UPDATE_FIELDS = (
    "Description",
    "Code1",
    "Code2",
    "ActivatedDate",
    "DisconnectDate",
    "Rate",
    "Quantity",
    "DoNotProrateFlag",
)


class FieldShape(StrEnum):
    """How an optional field of the update is declared, and so what leaving it out means."""

    OPTIONAL = "optional"
    """minOccurs=0: left out is unchanged; it cannot be nulled."""
    NILLABLE = "nillable"
    """minOccurs=1, nillable: left out is unchanged, nil is null."""
    OPTIONAL_NILLABLE = "optional-nillable"
    """minOccurs=0, nillable: as NILLABLE."""
    WRAPPED = "wrapped"
    """{Updated, Value}, Value nillable: unchanged unless Updated is true; nil is null."""
    WRAPPED_PLAIN = "wrapped-plain"
    """{Updated, Value}, Value not nillable: a missing Value is the type's zero."""
    REQUIRED = "required"
    """minOccurs=1, not nillable: left out is the type's zero."""


class RequestLists(StrEnum):
    FLAT = "flat"
    """ID, ID, …"""
    WRAPPED = "wrapped"
    """ID/int, int, …"""


class Records(StrEnum):
    """Where the records of a query's answer are; the value's path is in RECORD_PATHS."""

    WRAPPED = "wrapped"
    FLAT = "flat"
    OTHER = "other"
    NESTED = "nested"


RECORD_PATHS = {
    Records.WRAPPED: ("CustomerProducts", "CustomerProduct"),
    Records.FLAT: ("CustomerProduct",),
    Records.OTHER: ("Items", "Record"),
    Records.NESTED: ("Data", "Rows", "Row"),
}


class RecordNulls(StrEnum):
    """How a record says that a number or a date is null; a null string is always absent."""

    NIL = "nil"
    ABSENT = "absent"


class Dates(StrEnum):
    DATE = "date"
    DATE_TIME = "dateTime"


MIXED = "mixed"
_MIXTURE = (
    FieldShape.OPTIONAL,
    FieldShape.NILLABLE,
    FieldShape.WRAPPED,
    FieldShape.OPTIONAL_NILLABLE,
)


def parse_update_shape(text: str) -> dict[str, FieldShape]:
    """The shape of each field from ``SHAPE[,FIELD=SHAPE…]``, SHAPE being one of FieldShape or
    ``mixed`` (four shapes in turn). Raises ValueError for any other.
    """
    base, *exceptions = text.split(",")
    turn = cycle(_MIXTURE if base == MIXED else (FieldShape(base),))
    shapes = dict(zip(UPDATE_FIELDS, turn, strict=False))
    for exception in exceptions:
        name, _, shape = exception.partition("=")
        if name not in shapes:
            raise ValueError(f"{name!r} is not a field of the update")
        shapes[name] = FieldShape(shape)
    return shapes


@dataclass(frozen=True)
class Shapes:
    """One possible form of the service."""

    update: dict[str, FieldShape] = field(default_factory=lambda: parse_update_shape("optional"))
    request_lists: RequestLists = RequestLists.FLAT
    records: Records = Records.WRAPPED
    record_nulls: RecordNulls = RecordNulls.NIL
    dates: Dates = Dates.DATE
    padding_operations: int = 0

    @property
    def date(self) -> Scalar:
        return DATE if self.dates is Dates.DATE else DATE_TIME

    @property
    def update_kinds(self) -> dict[str, Scalar]:
        return {
            "Description": STRING,
            "Code1": STRING,
            "Code2": STRING,
            "ActivatedDate": self.date,
            "DisconnectDate": self.date,
            "Rate": DECIMAL,
            "Quantity": INTEGER,
            "DoNotProrateFlag": BOOLEAN,
        }
