"""Whatever the shape, an independent SOAP client reads the WSDL and gets right answers."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import zeep
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zeep.transports import Transport

from sandbox.contract.operations import build
from sandbox.contract.shapes import (
    RECORD_PATHS,
    Dates,
    FieldShape,
    RecordNulls,
    Records,
    RequestLists,
    Shapes,
    parse_update_shape,
)
from sandbox.contract.wsdl import Port, render
from tests.examples import examples

LOGIN = {
    "Username": "sandbox-user",
    "Password": "sandbox-password",
    "Client": "sandbox-client",
}
PORTS = ["11,12", "12,11", "11", "12"]
IDS = [5001, 5002, 5003, 5004, 5010]
VALUES: dict[str, tuple[object, str]] = {
    "Description": ("Seat & <more>", "Seat & <more>"),
    "Code1": ("", ""),
    "Code2": ("X", "X"),
    "ActivatedDate": (date(2026, 2, 28), "2026-02-28"),
    "DisconnectDate": (date(2027, 1, 1), "2027-01-01"),
    "Rate": (Decimal("-12.5"), "-12.5000"),
    "Quantity": (3, "3"),
    "DoNotProrateFlag": (True, "true"),
}

flags = st.fixed_dictionaries(
    {
        "update-shape": st.sampled_from([*FieldShape, "mixed", "nillable,Rate=wrapped"]),
        "request-lists": st.sampled_from(RequestLists),
        "records": st.sampled_from(Records),
        "record-nulls": st.sampled_from(RecordNulls),
        "dates": st.sampled_from(Dates),
        "ports": st.sampled_from(PORTS),
    }
)
few = settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class InProcess(Transport):
    """Hands zeep's requests to the application and nothing to the network."""

    def __init__(self, box: Any) -> None:
        super().__init__()
        self._box = box

    def post(self, address: str, message: Any, headers: Any) -> Any:
        lower = {name.lower().replace("-", "_"): value for name, value in headers.items()}
        self._box.post(message, **lower)
        answer = self._box.answers[-1]
        return _Response(answer.status, answer.body, answer.content_type)


class _Response:
    def __init__(self, status: int, content: bytes, content_type: str) -> None:
        self.status_code = status
        self.content = content
        self.headers = {"Content-Type": content_type}
        self.encoding = "utf-8"


def client_of(box: Any) -> Any:
    document = box.application.wsdl("http://sandbox.invalid/")
    return zeep.Client(io.BytesIO(document), transport=InProcess(box)).service


@given(flags=flags)
@few
def test_a_query_shows_every_record_as_it_is(bench: Callable, flags: dict[str, str]) -> None:
    box = bench(*(f"--{name}={value}" for name, value in flags.items()))
    wrapped = flags["request-lists"] == RequestLists.WRAPPED
    found = client_of(box).CustomerProducts_Query(
        {"Credentials": LOGIN, "ID": {"int": IDS} if wrapped else IDS}
    )
    for name in RECORD_PATHS[Records(flags["records"])]:
        found = found[name]
    for record, product_id in zip(found, IDS, strict=True):
        truth = box.truth(product_id)
        del truth["DoNotProrateFlag"]
        # zeep takes an empty string for None.
        assert {name: as_text(record[name]) for name in record} == {
            name: value or None for name, value in truth.items()
        }


@given(flags=flags, names=st.sets(st.sampled_from(sorted(VALUES))))
@few
def test_an_update_changes_the_named_fields_and_no_other(
    bench: Callable, flags: dict[str, str], names: set[str]
) -> None:
    box = bench(*(f"--{name}={value}" for name, value in flags.items()))
    shapes = parse_update_shape(flags["update-shape"])
    if FieldShape.REQUIRED in shapes.values():
        names = set(VALUES)
    request = {
        name: spelt(shapes[name], VALUES[name][0]) if name in names else zeep.xsd.SkipValue
        for name in VALUES
    }
    answer = client_of(box).CustomerProducts_Update({"Credentials": LOGIN, "ID": 5001, **request})
    assert answer.Header.Success is True
    assert box.executions(5001) == [{name: VALUES[name][1] for name in VALUES if name in names}]


def test_zeep_left_alone_nulls_the_nillable_fields_and_the_sandbox_shows_it(
    bench: Callable,
) -> None:
    box = bench("--update-shape=nillable")
    client_of(box).CustomerProducts_Update({"Credentials": LOGIN, "ID": 5001, "Rate": "1"})
    assert box.executions(5001) == [dict.fromkeys(VALUES) | {"Rate": "1.0000"}]


@pytest.mark.parametrize("ports", PORTS)
def test_zeep_loads_every_combination_of_shapes(ports: str) -> None:
    order = [Port(port) for port in ports.split(",")]
    for update, *others in product(FieldShape, RequestLists, Records, RecordNulls, Dates):
        shapes = Shapes(parse_update_shape(update), *others)
        document = render(build(shapes), order, "http://sandbox.invalid/")
        service = next(iter(zeep.Client(io.BytesIO(document.encode())).wsdl.services.values()))
        assert len(service.ports) == len(order)


def test_unrelated_operations_make_the_wsdl_as_large_as_the_vendors() -> None:
    document = render(build(Shapes(padding_operations=200)), [Port.SOAP_11, Port.SOAP_12], "")
    assert document.count("<wsdl:operation ") == 3 * 205
    assert len(document) > 1_000_000


def spelt(shape: FieldShape, value: object) -> object:
    wrapped = shape in {FieldShape.WRAPPED, FieldShape.WRAPPED_PLAIN}
    return {"Updated": True, "Value": value} if wrapped else value


def as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat()[:10] if isinstance(value, date) else str(value)
