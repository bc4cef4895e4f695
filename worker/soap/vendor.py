"""What the vendor calls things: operations, fields, and the kinds of their values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

QUERY = "CustomerProducts_Query"
UPDATE = "CustomerProducts_Update"
SESSION_CREATE = "Sessions_Create"
SESSION_VALIDATE = "Sessions_Validate"
SESSION_DESTROY = "Sessions_Destroy"

ID = "ID"
RECORD_ID = "Customer_Product_ID"
SESSION_KEY = "SessionKey"
CREDENTIALS = ("Username", "Password", "Client")


class Kind(StrEnum):
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TEXT = "text"


FILTERS: Mapping[str, str] = MappingProxyType(
    {"customer_ids": "CustomerID", "line_ids": "LineID", "ids": ID}
)

CHANGES: Mapping[str, tuple[str, Kind]] = MappingProxyType(
    {
        "description": ("Description", Kind.TEXT),
        "code1": ("Code1", Kind.TEXT),
        "code2": ("Code2", Kind.TEXT),
        "activated_date": ("ActivatedDate", Kind.DATE),
        "disconnect_date": ("DisconnectDate", Kind.DATE),
        "rate": ("Rate", Kind.DECIMAL),
        "quantity": ("Quantity", Kind.INTEGER),
        "do_not_prorate": ("DoNotProrateFlag", Kind.BOOLEAN),
    }
)
"""The contract's name of each field that can be changed: the vendor's, and its kind."""

RECORD: Mapping[str, Kind] = MappingProxyType(
    {
        "Customer_Product_ID": Kind.INTEGER,
        "Line_ID": Kind.INTEGER,
        "Customer_ID": Kind.INTEGER,
        "Product_ID": Kind.INTEGER,
        "Description": Kind.TEXT,
        "Group_On_Bill": Kind.BOOLEAN,
        "Tax_Included": Kind.BOOLEAN,
        "Quantity": Kind.INTEGER,
        "Rate": Kind.DECIMAL,
        "Cost": Kind.DECIMAL,
        "Code1": Kind.TEXT,
        "Code2": Kind.TEXT,
        "Billed_Through_Date": Kind.DATE,
        "Canceled_Date": Kind.DATE,
        "Activated_Date": Kind.DATE,
        "Disconnect_Date": Kind.DATE,
        "Status": Kind.TEXT,
        "Carrier": Kind.TEXT,
        "Carrier_ID": Kind.INTEGER,
        "Package": Kind.TEXT,
        "Package_ID": Kind.INTEGER,
    }
)
"""The fields of an answer's record. In lower case they are the contract's names."""

NEEDED: frozenset[str] = frozenset(
    {
        "Customer_Product_ID",
        "Line_ID",
        "Customer_ID",
        "Product_ID",
        "Description",
        "Quantity",
        "Rate",
        "Code1",
        "Code2",
        "Activated_Date",
        "Disconnect_Date",
        "Status",
    }
)
"""Without these nothing can be identified, compared or verified; the others may be unknown to a
WSDL, and are then empty."""
