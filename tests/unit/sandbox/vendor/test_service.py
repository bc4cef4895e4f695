from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.vendor.population import lines_of, populate, products_of


def test_the_population_follows_from_customers_and_seed() -> None:
    small, large = list(populate(40, seed=7)), list(populate(60, seed=7))
    assert large[: len(small)] == small
    assert list(populate(40, seed=8)) != small


def test_ids_are_dense_and_told_by_the_formula() -> None:
    records = list(populate(40, seed=1))
    assert [record["Customer_Product_ID"] for record in records] == [
        str(one) for one in range(5001, 5101)
    ]
    for record in records:
        customer = int(record["Customer_ID"] or 0)
        assert int(record["Customer_Product_ID"] or 0) in products_of(customer)
        assert int(record["Line_ID"] or 0) in lines_of(customer)
    last = lines_of(1040)
    assert {line for one in range(1001, 1041) for line in lines_of(one)} == set(
        range(30001, last.stop)
    )


def test_every_field_of_the_population_has_some_variety() -> None:
    records = list(populate(400, seed=1))
    for name in records[0]:
        assert len({record[name] for record in records}) > 1, name
    assert {record["Status"] for record in records} == {
        "ACTIVE",
        "PENDING",
        "DENIED",
        "DISCONNECTED",
    }


def test_several_filters_narrow_each_other(bench: Callable) -> None:
    box = bench()
    answer = box.query("<CustomerID>1002</CustomerID><CustomerID>1003</CustomerID><ID>5002</ID>")
    assert answer.count(b"<CustomerProduct>") == 1
    assert b"<Customer_Product_ID>5002<" in answer


def test_a_query_without_a_filter_gets_everything_and_is_counted(bench: Callable) -> None:
    box = bench()
    assert box.query("").count(b"<CustomerProduct>") == 50
    assert box.control("calls")["unfiltered_queries"] == 1


def test_more_ids_than_allowed_are_refused(bench: Callable) -> None:
    box = bench("--ids-per-call=2")
    assert b"<Success>true" in box.query("<ID>5001</ID><ID>5002</ID>")
    assert b"P3003" in box.query("<ID>5001</ID><ID>5002</ID><ID>5003</ID>")


def test_an_unknown_product_is_not_updated(bench: Callable) -> None:
    assert b"<Error_Code>P3001" in bench().update("<ID>1</ID><Rate>1</Rate>")


def test_denied_products_reject_updates_with_a_code_or_without(bench: Callable) -> None:
    box = bench()
    odd, even = box.update("<ID>5025</ID><Rate>1</Rate>"), box.update("<ID>5050</ID>")
    assert b"Error_Code" not in odd
    assert b"<Error_Code>P3002" in even
    assert b"<Success>false" in odd
    assert box.control("updates") == {}


def test_a_change_shows_only_after_the_read_back_delay(bench: Callable) -> None:
    box = bench("--read-back-delay=5")
    before = box.query("<ID>5001</ID>")
    box.update("<ID>5001</ID><Rate>77</Rate>")
    assert box.truth(5001)["Rate"] == "77.0000"
    box.clock.advance(4.9)
    assert box.query("<ID>5001</ID>") == before
    box.clock.advance(0.1)
    assert b"<Rate>77.0000<" in box.query("<ID>5001</ID>")


@pytest.mark.parametrize("operation", ["Sessions_Create", "Sessions_Validate", "Sessions_Destroy"])
def test_a_wrong_login_is_refused(bench: Callable, operation: str) -> None:
    login = "<Credentials><Username>sandbox-user</Username></Credentials>"
    assert b"<Error_Code>S2005" in bench().call(operation, "", login)


def test_a_session_is_good_for_its_life_and_not_longer(bench: Callable) -> None:
    box = bench("--session-seconds=30", "--expired-session-code=X1")
    session = new_session(box)
    assert b"<Success>true" in box.query("<ID>5001</ID>", session)
    box.clock.advance(29)
    assert b"<Success>true" in box.call("Sessions_Validate", "", session)
    box.clock.advance(1)
    assert b"<Error_Code>X1" in box.query("<ID>5001</ID>", session)


def test_a_destroyed_session_is_dead(bench: Callable) -> None:
    box = bench()
    session = new_session(box)
    box.call("Sessions_Destroy", "", session)
    assert b"<Error_Code>S2006" in box.call("Sessions_Validate", "", session)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", b"unable to read request"),
        (b"<a/>", b"version mismatch"),
        (b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>', b"valid body"),
    ],
)
def test_what_is_not_a_soap_request_is_the_clients_fault(
    bench: Callable, body: bytes, words: bytes
) -> None:
    box = bench()
    box.post(body)
    assert box.answers[-1].status == 500
    assert words in box.answers[-1].body


def test_soap_11_is_routed_by_its_action(bench: Callable) -> None:
    box = bench()
    box.call("CustomerProducts_Query", "<ID>5001</ID>")
    source = (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        b'<CustomerProducts_Query xmlns="http://api.myh2o.com/v20"/></s:Body></s:Envelope>'
    )
    box.post(source, soapaction="http://api.myh2o.com/v20/CustomerProducts_Update")
    assert b"SOAPAction" in box.answers[-1].body


def new_session(box: Any) -> str:
    created = box.call("Sessions_Create", "")
    key = created.decode().partition("<SessionKey>")[2].partition("<")[0]
    return f"<Session><SessionKey>{key}</SessionKey></Session>"
