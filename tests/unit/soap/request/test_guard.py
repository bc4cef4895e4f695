from __future__ import annotations

from decimal import Decimal

import pytest

from revio_jobs.errors import UnsupportedChange
from sandbox.contract.shapes import RequestLists
from tasks.ports import Change, Filters
from tests.unit.soap.wsdls import LOGIN, SESSION_KEY, render, schema_of, shapes
from worker.soap.request.builder import query_message, update_message
from worker.soap.request.guard import check_query, check_update

CHANGE = Change(5001, {"rate": Decimal("12.50")}, frozenset({"code1"}))
FILTERS = Filters(ids=(1, 2), customer_ids=(7,))
XSI = b' xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="true"'


@pytest.mark.parametrize("shape", ["nillable", "wrapped"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b">5001<", b">5002<"),
        (b">12.50<", b">12.5001<"),
        (b">12.50<", b">1250e-2<"),
        (b"ns0:Rate>", b"ns0:Cost>"),
        (b"ns0:Rate>", b"ns0:Quantity>"),
        (SESSION_KEY.encode(), b"another"),
        (b"</ns0:Request>", b"<ns0:Quantity>0</ns0:Quantity></ns0:Request>"),
        (b"</ns0:Request>", b"<ns0:Code2" + XSI + b"/></ns0:Request>"),
        (b"</ns0:Request>", b"<ns0:ID>5001</ns0:ID></ns0:Request>"),
        (b"<ns0:ID>", b'<ns0:ID a="1">'),
        (b"<ns0:ID>", b"<ns0:ID" + XSI + b">"),
        (b"<ns0:ID>", b"<ns0:ID" + XSI.replace(b"true", b"1") + b">"),
        (b"<ns0:Request>", b"<ns0:Request" + XSI + b">"),
        (b"</ns0:Request>", b"<ns0:Credentials/></ns0:Request>"),
        (b"CustomerProducts_Update", b"CustomerProducts_Delete"),
        (b"<soap-env:Body>", b"<soap-env:Header/><soap-env:Body>"),
    ],
)
def test_a_request_that_says_anything_else_does_not_leave(
    shape: str, old: bytes, new: bytes
) -> None:
    message = update_message(schema_of(render(shapes(shape))), LOGIN, CHANGE)
    assert old in message.body

    with pytest.raises(UnsupportedChange):
        check_update(message.body.replace(old, new), message.operation.tag, LOGIN, CHANGE)


@pytest.mark.parametrize(
    ("old", "new"), [(b">true<", b">false<"), (b"ns0:Updated>", b"ns0:Changed>")]
)
def test_a_wrapper_must_say_that_its_value_counts(old: bytes, new: bytes) -> None:
    message = update_message(schema_of(render(shapes("wrapped"))), LOGIN, CHANGE)

    with pytest.raises(UnsupportedChange):
        check_update(message.body.replace(old, new), message.operation.tag, LOGIN, CHANGE)


@pytest.mark.parametrize("lists", ["flat", "wrapped"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b">2<", b">3<"),
        (b"ns0:CustomerID>", b"ns0:LineID>"),
        (b"</ns0:Request>", b"<ns0:LineID>9</ns0:LineID></ns0:Request>"),
    ],
)
def test_a_query_for_anything_else_does_not_leave(lists: str, old: bytes, new: bytes) -> None:
    message = query_message(
        schema_of(render(shapes(request_lists=RequestLists(lists)))), LOGIN, FILTERS
    )
    assert old in message.body

    with pytest.raises(UnsupportedChange):
        check_query(message.body.replace(old, new), message.operation.tag, LOGIN, FILTERS)
