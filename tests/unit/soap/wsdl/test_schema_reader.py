from __future__ import annotations

import pytest

from revio_jobs.errors import Unavailable
from sandbox.contract.shapes import (
    RECORD_PATHS,
    Dates,
    FieldShape,
    RecordNulls,
    Records,
    RequestLists,
)
from tests.unit.soap.wsdls import render, schema_of, shapes
from worker.soap import vendor
from worker.soap.wsdl.schema import ListShape, Shape

SHAPES = {
    FieldShape.OPTIONAL: (Shape.OPTIONAL, False),
    FieldShape.NILLABLE: (Shape.NILLABLE, True),
    FieldShape.OPTIONAL_NILLABLE: (Shape.NILLABLE, True),
    FieldShape.WRAPPED: (Shape.WRAPPED, True),
    FieldShape.WRAPPED_PLAIN: (Shape.WRAPPED, False),
    FieldShape.REQUIRED: (Shape.REQUIRED, False),
}


@pytest.mark.parametrize("declared", FieldShape)
def test_each_field_is_classified_by_how_it_is_declared(declared: FieldShape) -> None:
    schema = schema_of(render(shapes(declared)))

    found = {(field.shape, field.can_clear) for field in schema.changes.values()}

    assert found == {SHAPES[declared]}


@pytest.mark.parametrize("lists", RequestLists)
def test_the_form_of_the_filters_is_found(lists: RequestLists) -> None:
    schema = schema_of(render(shapes(request_lists=lists)))

    assert {found.shape for found in schema.filters.values()} == {ListShape(lists)}


@pytest.mark.parametrize("records", Records)
def test_records_are_found_wherever_they_are(records: Records) -> None:
    place = schema_of(render(shapes(records=records))).records

    assert tuple(tag.rpartition("}")[2] for tag in place.tags) == RECORD_PATHS[records]
    assert [field.wire for field in place.fields] == list(vendor.RECORD)


@pytest.mark.parametrize("nulls", RecordNulls)
def test_a_record_field_may_be_absent_only_if_the_wsdl_says_so(nulls: RecordNulls) -> None:
    fields = {f.wire: f for f in schema_of(render(shapes(record_nulls=nulls))).records.fields}

    assert fields["Rate"].may_be_absent is (nulls is RecordNulls.ABSENT)
    assert not fields["Customer_Product_ID"].may_be_absent


@pytest.mark.parametrize(("ports", "version"), [("11,12", "1.1"), ("12,11", "1.1"), ("12", "1.2")])
def test_soap_1_1_is_preferred_in_whatever_order_the_ports_come(ports: str, version: str) -> None:
    assert schema_of(render(ports=ports)).soap_version == version


def test_a_date_with_a_time_is_recognised() -> None:
    changes = schema_of(render(shapes(dates=Dates.DATE_TIME))).changes

    assert changes["activated_date"].is_timed
    assert not changes["rate"].is_timed


def test_hundreds_of_other_operations_do_not_matter() -> None:
    schema = schema_of(render(shapes(padding_operations=200)))

    assert schema.operation_count == 205
    assert set(schema.operations) == {
        "CustomerProducts_Query",
        "CustomerProducts_Update",
        "Sessions_Create",
        "Sessions_Validate",
        "Sessions_Destroy",
    }


def test_a_declared_default_is_what_the_server_would_set() -> None:
    document = render().replace(
        b'minOccurs="0" maxOccurs="1" name="DoNotProrateFlag"',
        b'minOccurs="0" maxOccurs="1" default="false" name="DoNotProrateFlag"',
    )

    assert schema_of(document).changes["do_not_prorate"].shape is Shape.REQUIRED


def test_a_field_of_a_type_that_we_cannot_fill_is_missing() -> None:
    document = render().replace(
        b'name="ActivatedDate" type="s:date"', b'name="ActivatedDate" type="s:string"'
    )

    assert schema_of(document).changes["activated_date"].shape is Shape.MISSING


def test_an_unknown_field_that_would_be_reset_is_named() -> None:
    extra = b'<s:element minOccurs="1" maxOccurs="1" name="Tax" type="s:int" />'
    document = render().replace(
        b'<s:complexType name="CustomerProducts_UpdateRequest"><s:sequence>',
        b'<s:complexType name="CustomerProducts_UpdateRequest"><s:sequence>' + extra,
    )

    assert schema_of(document).stray_required == ("Tax",)


def test_a_type_that_contains_itself_is_not_an_endless_task() -> None:
    inside = b'<s:element minOccurs="0" name="Again" type="tns:CustomerProduct" />'
    document = render().replace(
        b'<s:complexType name="CustomerProduct"><s:sequence>',
        b'<s:complexType name="CustomerProduct"><s:sequence>' + inside,
    )

    assert len(schema_of(document).records.tags) == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"CustomerProducts_Update", b"CustomerProducts_Change", "no SOAP binding"),
        (b'name="ID"', b'name="Number"', "takes no list ID"),
        (b'name="Rate"', b'name="Price"', "records have no Rate"),
        (b'name="Success"', b'name="Ok"', "no Header with Success"),
        (b"Customer_Product_ID", b"Product_Number", "no records with Customer_Product_ID"),
        (b'name="SessionKey"', b'name="Key"', ""),
    ],
)
def test_what_does_not_fit_is_named(old: bytes, new: bytes, said: str) -> None:
    document = render().replace(old, new)
    if not said:
        assert not schema_of(document).uses_sessions
        return

    with pytest.raises(Unavailable, match=said):
        schema_of(document)
