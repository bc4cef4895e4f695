"""The vendor's names of operations, and of the fields that the contract declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from revio_jobs.contracts.product_fields import PRODUCT_FIELDS, FieldKind

QUERY = "CustomerProducts_Query"
UPDATE = "CustomerProducts_Update"
SESSION_CREATE = "Sessions_Create"
SESSION_VALIDATE = "Sessions_Validate"
SESSION_DESTROY = "Sessions_Destroy"

ID = "ID"
RECORD_ID = "Customer_Product_ID"
SESSION_KEY = "SessionKey"
CREDENTIALS = ("Username", "Password", "Client")

FILTERS: Mapping[str, str] = MappingProxyType(
    {"customer_ids": "CustomerID", "line_ids": "LineID", "ids": ID}
)


@dataclass(frozen=True, slots=True)
class VendorField:
    """The vendor's names of one field of the contract, whose kind and help stand there."""

    name: str
    """The contract's."""
    record: str = ""
    """Its name in a query's record; "" if records do not have it."""
    update: str = ""
    """Its name in an update; "" if an update cannot set it."""
    is_needed: bool = False
    """Without it a record cannot be identified, compared or verified. A WSDL may lack the others,
    which are then empty."""

    @property
    def kind(self) -> FieldKind:
        return PRODUCT_FIELDS[self.name].kind


FIELDS: tuple[VendorField, ...] = (
    VendorField("customer_product_id", RECORD_ID, is_needed=True),
    VendorField("line_id", "Line_ID", is_needed=True),
    VendorField("customer_id", "Customer_ID", is_needed=True),
    VendorField("product_id", "Product_ID", is_needed=True),
    VendorField("description", "Description", "Description", is_needed=True),
    VendorField("group_on_bill", "Group_On_Bill"),
    VendorField("tax_included", "Tax_Included"),
    VendorField("quantity", "Quantity", "Quantity", is_needed=True),
    VendorField("rate", "Rate", "Rate", is_needed=True),
    VendorField("cost", "Cost"),
    VendorField("code1", "Code1", "Code1", is_needed=True),
    VendorField("code2", "Code2", "Code2", is_needed=True),
    VendorField("billed_through_date", "Billed_Through_Date"),
    VendorField("canceled_date", "Canceled_Date"),
    VendorField("activated_date", "Activated_Date", "ActivatedDate", is_needed=True),
    VendorField("disconnect_date", "Disconnect_Date", "DisconnectDate", is_needed=True),
    VendorField("status", "Status", is_needed=True),
    VendorField("carrier", "Carrier"),
    VendorField("carrier_id", "Carrier_ID"),
    VendorField("package", "Package"),
    VendorField("package_id", "Package_ID"),
    VendorField("do_not_prorate", update="DoNotProrateFlag"),
)

CHANGES: Mapping[str, VendorField] = MappingProxyType(
    {field.name: field for field in FIELDS if field.update}
)
"""The fields of an update, by the contract's name."""

RECORD: Mapping[str, VendorField] = MappingProxyType(
    {field.record: field for field in FIELDS if field.record}
)
"""The fields of a record, by the vendor's name."""

FIELD_BY_NAME: Mapping[str, VendorField] = MappingProxyType({field.name: field for field in FIELDS})
"""The fields, by the contract's name."""
