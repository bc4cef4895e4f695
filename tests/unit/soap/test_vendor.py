"""The vendor's names against the contract's declaration of the fields."""

from __future__ import annotations

from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.contracts.product_fields import PRODUCT_FIELDS
from worker.soap import vendor


def test_every_field_of_the_contract_has_the_vendors_names_and_no_other_has() -> None:
    assert [field.name for field in vendor.FIELDS] == list(PRODUCT_FIELDS)


def test_a_field_has_a_name_in_an_update_exactly_if_it_can_be_changed() -> None:
    changeable = {name for name, field in PRODUCT_FIELDS.items() if field.is_changeable}
    assert set(vendor.CHANGES) == changeable


def test_a_field_has_a_name_in_a_record_exactly_if_a_query_shows_it() -> None:
    readable = [name for name, field in PRODUCT_FIELDS.items() if field.is_readable]
    assert [field.name for field in vendor.RECORD.values()] == readable
    assert list(CustomerProductRecord.__annotations__) == readable
