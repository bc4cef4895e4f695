from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from revio_jobs.errors import InvalidJob, UnsupportedChange
from sandbox.contract import operations as contract
from sandbox.contract.operations import Contract
from sandbox.contract.shapes import UPDATE_FIELDS, Dates, FieldShape, RequestLists, Shapes
from sandbox.contract.soap import Call, read_call
from tasks.ports import Change, Filters
from tests.unit.soap.wsdls import LOGIN, SESSION_KEY, render, schema_of, shapes
from worker.soap import vendor
from worker.soap.request.builder import (
    Login,
    Message,
    query_message,
    session_message,
    update_message,
)

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=30)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "description": TEXTS,
    "code1": TEXTS,
    "code2": TEXTS,
    "activated_date": st.dates(date(1900, 1, 1)),
    "disconnect_date": st.dates(date(1900, 1, 1)),
    "rate": st.decimals(-(10**14), 10**14, places=4),
    "quantity": st.integers(0, 2**31 - 1),
    "do_not_prorate": st.booleans(),
}
NULLABLE = {FieldShape.NILLABLE, FieldShape.OPTIONAL_NILLABLE, FieldShape.WRAPPED}


@st.composite
def changes(draw: st.DrawFn) -> Change:
    names = draw(st.sets(st.sampled_from(sorted(VALUES)), min_size=1))
    cleared = draw(st.sets(st.sampled_from(sorted(names))))
    values = {name: draw(VALUES[name]) for name in sorted(names - cleared)}
    return Change(draw(st.integers(1, 2**31 - 1)), values, frozenset(cleared))


def received(built: Contract, message: Message) -> Call:
    """What the vendor's side makes of the message."""
    headers = {name.lower(): value for name, value in message.headers.items()}
    return read_call(built, headers, message.body)


def canonical(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return str(value.quantize(Decimal("0.0001")) if value else Decimal("0.0000"))
    return value.isoformat() if isinstance(value, date) else str(value)


@given(
    change=changes(),
    declared=st.lists(st.sampled_from(FieldShape), min_size=8, max_size=8),
    dates=st.sampled_from(Dates),
    ports=st.sampled_from(["11,12", "12"]),
)
def test_in_every_shape_exactly_what_was_asked_goes_on_the_wire_or_nothing_does(
    change: Change, declared: list[FieldShape], dates: Dates, ports: str
) -> None:
    chosen = Shapes(dict(zip(UPDATE_FIELDS, declared, strict=True)), dates=dates)
    built = contract.build(chosen)
    given_shapes = {name: chosen.update[vendor.CHANGES[name].update] for name in VALUES}
    expressible = all(given_shapes[name] in NULLABLE for name in change.clear) and all(
        name in change.values
        for name, shape in given_shapes.items()
        if shape is FieldShape.REQUIRED
    )
    schema = schema_of(render(chosen, ports))

    if not expressible:
        with pytest.raises(UnsupportedChange):
            update_message(schema, LOGIN, change)
        return
    call = received(built, update_message(schema, LOGIN, change))

    asked = {vendor.CHANGES[name].update: canonical(v) for name, v in change.values.items()}
    asked |= {vendor.CHANGES[name].update: None for name in change.clear}
    assert set(call.values) == {"Session", "ID", *asked}
    assert call.values["Session"] == {"SessionKey": SESSION_KEY}
    assert call.ids == [change.id]
    understood = {}
    for field in built.update_fields:
        understood |= field.changes(call.values)
    assert understood == asked


@given(
    ids=st.lists(st.integers(1, 2**31 - 1), max_size=5),
    customers=st.lists(st.integers(1, 2**31 - 1), max_size=5),
    lines=st.lists(st.integers(1, 2**31 - 1), max_size=5),
    lists=st.sampled_from(RequestLists),
)
def test_a_query_asks_for_exactly_its_filters(
    ids: list[int], customers: list[int], lines: list[int], lists: RequestLists
) -> None:
    chosen = shapes(request_lists=lists)
    schema = schema_of(render(chosen))
    filters = Filters(tuple(ids), tuple(customers), tuple(lines))

    if not (ids or customers or lines):
        with pytest.raises(InvalidJob, match="at least one"):
            query_message(schema, LOGIN, filters)
        return
    call = received(contract.build(chosen), query_message(schema, LOGIN, filters))

    assert call.filters == {"ID": ids, "CustomerID": customers, "LineID": lines}
    assert set(call.values) == {"Session"} | {name for name, v in call.filters.items() if v}


def test_without_a_session_the_credentials_go_along() -> None:
    login = Login(LOGIN.username, LOGIN.password, LOGIN.client_code)

    message = query_message(schema_of(render()), login, Filters(ids=(1,)))

    assert received(contract.build(Shapes()), message).values == {
        "Credentials": {
            "Username": "someone",
            "Password": LOGIN.password.get_secret_value(),
            "Client": "client-1",
        },
        "ID": ["1"],
    }


def test_a_login_takes_the_credentials_and_no_more() -> None:
    login = Login("u", SecretStr("p<&>"), "c")

    message = session_message(schema_of(render()), vendor.SESSION_CREATE, login)

    assert received(contract.build(Shapes()), message).values == {
        "Credentials": {"Username": "u", "Password": "p<&>", "Client": "c"}
    }


def test_an_unknown_field_that_would_be_reset_forbids_every_update() -> None:
    extra = b'<s:element minOccurs="1" maxOccurs="1" name="Tax" type="s:int" />'
    start = b'<s:complexType name="CustomerProducts_UpdateRequest"><s:sequence>'
    schema = schema_of(render().replace(start, start + extra))

    with pytest.raises(UnsupportedChange, match="reset Tax"):
        update_message(schema, LOGIN, Change(1, {"rate": Decimal(1)}))


def test_what_xml_cannot_carry_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidJob) as caught:
        update_message(schema_of(render()), LOGIN, Change(1, {"description": "secret\x00"}))

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
