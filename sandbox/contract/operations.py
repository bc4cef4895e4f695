"""The operations with their requests and answers, built from the chosen shapes."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.contract.schema import (
    BOOLEAN,
    DECIMAL,
    INTEGER,
    STRING,
    Complex,
    Element,
    Scalar,
    Value,
    Values,
)
from sandbox.contract.shapes import RECORD_PATHS, RecordNulls, RequestLists, Shapes
from sandbox.contract.update_fields import UpdateField, update_fields

QUERY = "CustomerProducts_Query"
UPDATE = "CustomerProducts_Update"
CREATE = "Sessions_Create"
VALIDATE = "Sessions_Validate"
DESTROY = "Sessions_Destroy"

FILTERS = ("CustomerID", "LineID", "ID")

_PADDING_FIELDS = 30


@dataclass(frozen=True)
class Operation:
    """A document/literal wrapped operation: `request` is what is inside the Request element,
    `result` what is inside the …Result element.
    """

    name: str
    request: Complex
    result: Complex

    @property
    def request_element(self) -> Element:
        return Element(self.name, Complex("", (Element("Request", self.request),)))

    @property
    def response_element(self) -> Element:
        result = Element(f"{self.name}Result", self.result)
        return Element(f"{self.name}Response", Complex("", (result,)))

    def answer(self, result: Values) -> Values:
        """The response element's value for a result's."""
        return {f"{self.name}Result": result}


@dataclass(frozen=True)
class Contract:
    operations: dict[str, Operation]
    record: Element
    record_path: tuple[str, ...]
    update_fields: tuple[UpdateField, ...]

    def records(self, records: list[Value]) -> Values:
        """A query's records, put where this contract has them."""
        *containers, last = self.record_path
        placed: Values = {last: records}
        for name in reversed(containers):
            placed = {name: placed}
        return placed


@dataclass
class CurrentContract:
    """The contract that holds now: the vendor's releases change it while clients are connected."""

    contract: Contract


def build(shapes: Shapes) -> Contract:
    fields = update_fields(shapes)
    record = _record(shapes)
    operations = [
        Operation(
            QUERY, _request(QUERY, *_filters(shapes)), _result(QUERY, _placed(record, shapes))
        ),
        Operation(
            UPDATE,
            _request(UPDATE, Element("ID", INTEGER, 1), *(field.element for field in fields)),
            _result(UPDATE),
        ),
        Operation(CREATE, _request(CREATE), _result(CREATE, Element("SessionKey", STRING))),
        Operation(VALIDATE, _request(VALIDATE), _result(VALIDATE)),
        Operation(DESTROY, _request(DESTROY), _result(DESTROY)),
        *(_padding(number) for number in range(shapes.padding_operations)),
    ]
    return Contract(
        {operation.name: operation for operation in operations},
        record,
        RECORD_PATHS[shapes.records],
        fields,
    )


_CREDENTIALS = Complex(
    "Credentials",
    tuple(Element(name, STRING) for name in ("Username", "Password", "Client", "ImpersonationKey")),
)
_SESSION = Complex("Session", (Element("SessionKey", STRING),))
_HEADER = Complex(
    "ResponseHeader",
    (
        Element("Success", BOOLEAN, 1),
        Element("Message", STRING),
        Element("SessionKey", STRING),
        Element("Impersonated", BOOLEAN, 1),
        Element("Error_Code", STRING),
        Element("Error_Description", STRING),
    ),
)
_DEBUG = Complex("DebugInformation", (Element("Request", STRING),))


def _request(operation: str, *elements: Element) -> Complex:
    login = (
        Element("Credentials", _CREDENTIALS),
        Element("Session", _SESSION),
        Element("Debug", BOOLEAN),
    )
    return Complex(f"{operation}Request", (*login, *elements))


def _result(operation: str, *elements: Element) -> Complex:
    common = (Element("Header", _HEADER), Element("Debug", _DEBUG))
    return Complex(f"{operation}Output", (*common, *elements))


def _filters(shapes: Shapes) -> list[Element]:
    if shapes.request_lists is RequestLists.FLAT:
        return [Element(name, INTEGER, max_occurs=None) for name in FILTERS]
    listed = Complex("ArrayOfInt", (Element("int", INTEGER, max_occurs=None),))
    return [Element(name, listed) for name in FILTERS]


def _placed(record: Element, shapes: Shapes) -> Element:
    placed = record
    for name in reversed(RECORD_PATHS[shapes.records][:-1]):
        placed = Element(name, Complex(f"ArrayOf_{placed.name}", (placed,)))
    return placed


def _record(shapes: Shapes) -> Element:
    kinds: dict[str, Scalar] = {
        "Customer_Product_ID": INTEGER,
        "Line_ID": INTEGER,
        "Customer_ID": INTEGER,
        "Product_ID": INTEGER,
        "Description": STRING,
        "Group_On_Bill": BOOLEAN,
        "Tax_Included": BOOLEAN,
        "Quantity": INTEGER,
        "Rate": DECIMAL,
        "Cost": DECIMAL,
        "Code1": STRING,
        "Code2": STRING,
        "Billed_Through_Date": shapes.date,
        "Canceled_Date": shapes.date,
        "Activated_Date": shapes.date,
        "Disconnect_Date": shapes.date,
        "Status": STRING,
        "Carrier": STRING,
        "Carrier_ID": INTEGER,
        "Package": STRING,
        "Package_ID": INTEGER,
    }
    never_null = {"Customer_Product_ID", "Line_ID", "Customer_ID", "Product_ID"}
    nil = shapes.record_nulls is RecordNulls.NIL

    def declared(name: str, kind: Scalar) -> Element:
        if name in never_null or kind is BOOLEAN:
            return Element(name, kind, 1)
        nillable = nil and kind is not STRING
        return Element(name, kind, int(nillable), nillable=nillable)

    record = Complex("CustomerProduct", tuple(declared(*item) for item in kinds.items()))
    return Element(RECORD_PATHS[shapes.records][-1], record, max_occurs=None)


def _padding(number: int) -> Operation:
    """An operation that nobody here calls; about as wide as the vendor's others."""
    name = f"Unrelated{number:03}_Query"
    fields = [f"Unrelated{number:03}_Field{position:02}" for position in range(_PADDING_FIELDS)]
    return Operation(
        name,
        _request(name, *(Element(field, STRING) for field in fields)),
        _result(name, *(Element(field, DECIMAL) for field in fields)),
    )
