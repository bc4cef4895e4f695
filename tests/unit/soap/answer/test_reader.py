from __future__ import annotations

import time
import tracemalloc
from functools import cache
from itertools import repeat

import pytest
from hypothesis import given, settings
from lxml import etree

from sandbox.contract.shapes import RECORD_PATHS, Shapes
from tests.unit.soap.answer import reference
from tests.unit.soap.answer.strategies import answers, mutated
from tests.unit.soap.wsdls import query_answer, render, schema_of
from worker.soap import vendor
from worker.soap.answer.reader import AnswerReader, SoapAnswer, SoapFaultError
from worker.soap.answer.xml import UnreadableAnswerError
from worker.soap.wsdl.schema import Schema

RECORD = (
    "<CustomerProduct>"
    "<Customer_Product_ID>5001</Customer_Product_ID><Line_ID>1</Line_ID>"
    "<Customer_ID>2</Customer_ID><Product_ID>3</Product_ID><Description>a</Description>"
    "<Group_On_Bill>true</Group_On_Bill><Tax_Included>false</Tax_Included><Quantity>1</Quantity>"
    '<Rate>12.5000</Rate><Cost xsi:nil="true" /><Code1 />'
    "<Billed_Through_Date>2026-01-31</Billed_Through_Date>"
    '<Canceled_Date xsi:nil="true" /><Activated_Date>2025-01-01T00:00:00</Activated_Date>'
    "<Disconnect_Date>0001-01-01</Disconnect_Date><Status>WAITING</Status>"
    '<Carrier_ID xsi:nil="true" /><Package_ID>9</Package_ID>'
    "</CustomerProduct>"
)
READ = {
    "customer_product_id": 5001,
    "line_id": 1,
    "customer_id": 2,
    "product_id": 3,
    "description": "a",
    "group_on_bill": True,
    "tax_included": False,
    "quantity": 1,
    "rate": "12.5000",
    "cost": None,
    "code1": "",
    "code2": None,
    "billed_through_date": "2026-01-31",
    "canceled_date": None,
    "activated_date": "2025-01-01",
    "disconnect_date": None,
    "status": "WAITING",
    "carrier": None,
    "carrier_id": None,
    "package": None,
    "package_id": 9,
}


@cache
def _schema(ports: str, *choices: object) -> Schema:
    return schema_of(render(Shapes(**dict(choices)) if choices else None, ports))  # type: ignore[arg-type]


def reader(chosen: Shapes | None = None) -> AnswerReader:
    chosen = chosen or Shapes()
    choices = (
        ("records", chosen.records),
        ("record_nulls", chosen.record_nulls),
        ("dates", chosen.dates),
    )
    schema = _schema("11,12", *choices)
    return AnswerReader(schema.operations[vendor.QUERY], schema.records)


def read(body: bytes) -> SoapAnswer:
    return reader().read(body)


def test_every_field_is_read_exactly_and_an_unknown_status_is_kept() -> None:
    answer = read(query_answer(RECORD))

    assert answer.success
    assert answer.records == [READ]
    assert not answer.unknown


@settings(max_examples=200, deadline=None)
@given(answers())
def test_a_true_answer_is_read_as_the_reference_reads_it(case: tuple[Shapes, bytes]) -> None:
    found, expected = both_readings(*case)

    assert found is not None
    assert found == expected


@settings(max_examples=200, deadline=None)
@given(answers(odd=True))
def test_an_odd_answer_is_read_as_the_reference_reads_it(case: tuple[Shapes, bytes]) -> None:
    found, expected = both_readings(*case)

    assert found == expected


@settings(max_examples=500, deadline=None)
@given(mutated())
def test_a_spoilt_answer_is_read_as_the_reference_reads_it_or_refused(
    case: tuple[Shapes, bytes],
) -> None:
    found, expected = both_readings(*case)

    assert found is None or found == expected


def both_readings(chosen: Shapes, body: bytes) -> tuple[object, object]:
    """Ours and the reference's; None for what cannot be read."""
    absent = {f.wire for f in reader(chosen)._place.fields if f.may_be_absent}
    try:
        expected = reference.read(body, RECORD_PATHS[chosen.records], frozenset(absent))
    except reference.NoAnswerError:
        expected = None
    try:
        answer = reader(chosen).read(body)
    except (UnreadableAnswerError, SoapFaultError):
        return None, expected
    return reference.comparable(answer.records) if answer.success else None, expected


@settings(max_examples=500, deadline=None)
@given(mutated())
def test_the_short_way_and_the_careful_way_agree(case: tuple[Shapes, bytes]) -> None:
    chosen, body = case
    careful = reader(chosen)
    careful._plain = None

    assert outcome(reader(chosen), body) == outcome(careful, body)


def outcome(chosen: AnswerReader, body: bytes) -> object:
    try:
        return chosen.read(body)
    except (UnreadableAnswerError, SoapFaultError) as exc:
        return type(exc), str(exc)


def test_plain_records_do_take_the_short_way() -> None:
    plain = reader()._plain
    assert plain is not None

    cut = plain.cut(query_answer(RECORD * 3))

    assert cut is not None
    assert [len(run) for run in cut.runs.values()] == [3]
    assert b"Customer_Product_ID" not in cut.rest


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<Rate>12.5000</Rate>", "", "rate missing"),
        ("<Rate>12.5000</Rate>", "<Rate/>", "rate holds text that is not a decimal"),
        ("<Rate>12.5000</Rate>", "<Rate>1,5</Rate>", "rate holds text that is not a decimal"),
        ("<Rate>12.5000</Rate>", "<Rate>1</Rate><Rate>1</Rate>", "a field came twice"),
        ("<Rate>12.5000</Rate>", "<Rate>1<b/></Rate>", "rate holds elements"),
        ("<Rate>12.5000</Rate>", '<Rate xmlns="urn:x">1</Rate>', "Rate in another namespace"),
        (">5001</Customer_Product_ID>", ' xsi:nil="true" /><!--', "broken XML"),
        (">5001</Customer_Product_ID>", ' xsi:nil="1"></Customer_Product_ID>', "it has no id"),
    ],
)
def test_a_field_that_cannot_be_read_is_an_error(old: str, new: str, said: str) -> None:
    with pytest.raises(UnreadableAnswerError, match=said):
        read(query_answer(RECORD + RECORD.replace(old, new)))


def test_unknown_elements_are_tolerated_and_counted() -> None:
    odd = RECORD.replace("<Rate>", "<New>1</New><Rate>")

    answer = read(query_answer(odd + "<Other/>" + odd))

    assert answer.records == [READ, READ]
    assert answer.unknown == {"New": 2, "Other": 1}


def test_no_record_is_found_where_none_belongs() -> None:
    with pytest.raises(UnreadableAnswerError, match="unexpected place"):
        read(query_answer(f"<Deeper>{RECORD}</Deeper>{RECORD}"))


@pytest.mark.parametrize("namespace", ["urn:other", ""])
@pytest.mark.parametrize("after", ["", RECORD])
def test_records_of_another_namespace_are_not_left_out(namespace: str, after: str) -> None:
    odd = RECORD.replace("<CustomerProduct>", f'<CustomerProduct xmlns="{namespace}">')
    with pytest.raises(UnreadableAnswerError):
        read(query_answer(odd + after))
    with pytest.raises(UnreadableAnswerError):
        read(
            query_answer(RECORD.replace("<Rate>", f'<New xmlns="{namespace}">{RECORD}</New><Rate>'))
        )


@pytest.mark.parametrize("missing", ["Success", "Header"])
def test_an_answer_that_does_not_say_how_it_went_is_unreadable(missing: str) -> None:
    body = query_answer(RECORD).replace(missing.encode(), b"Other")

    with pytest.raises(UnreadableAnswerError):
        read(body)


def test_a_refusal_has_its_code_and_message() -> None:
    header = {
        "Success": "false",
        "Error_Code": "P1",
        "Message": "no < way",
        "Impersonated": "false",
    }

    answer = read(query_answer("", header=header))

    assert (answer.success, answer.error_code, answer.message) == (False, "P1", "no < way")


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (
            (
                b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
                b"<faultcode>e:Server</faultcode><faultstring>too late</faultstring>"
                b"</e:Fault></e:Body></e:Envelope>"
            ),
            "e:Server",
            "too late",
        ),
        (
            (
                b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault>'
                b"<e:Code><e:Value>e:Receiver</e:Value></e:Code>"
                b"<e:Reason><e:Text>too late</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>"
            ),
            "e:Receiver",
            "too late",
        ),
    ],
)
def test_a_fault_of_either_version_is_recognised(body: bytes, code: str, text: str) -> None:
    with pytest.raises(SoapFaultError) as caught:
        read(body)

    assert (caught.value.code, caught.value.text) == (code, text)


def hostile(inside: bytes) -> bytes:
    return query_answer(RECORD).replace(b"<CustomerProducts>", b"<CustomerProducts>" + inside)


@pytest.mark.parametrize(
    "body",
    [
        hostile(b"<a>" * 100_000),
        hostile(b"<a/>" * 2_000_000),
        hostile(b"x" * 20_000_000),
        hostile(b"&#65;" * 2_000_000),
        hostile(b"<CustomerProduct>" * 1000),
        query_answer(RECORD.replace("12.5000", "1" * 5_000_000)),
        query_answer(RECORD.replace("12.5000", "&#49;" * 1_000_000)),
        query_answer(RECORD.replace("<Description>a", "<Description>" + "<" * 1_000_000)),
        b'<!DOCTYPE a [<!ENTITY b "'
        + b"x" * 1000
        + b'"><!ENTITY c "'
        + b"&b;" * 1000
        + b'"><!ENTITY d "'
        + b"&c;" * 1000
        + b'">]>'
        + query_answer(RECORD.replace("<Description>a", "<Description>&d;"))[38:],
    ],
    ids=[
        "deep",
        "wide",
        "text",
        "references",
        "nested",
        "digits",
        "digit references",
        "markup",
        "laughs",
    ],
)
def test_a_hostile_answer_costs_little_and_gives_nothing(body: bytes) -> None:
    started = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableAnswerError):
            read(body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert time.process_time() - started < 5
    assert peak < 3 * len(body) + 2**23


def test_what_a_record_leaves_in_the_tree_is_next_to_nothing() -> None:
    body = query_answer("<Junk><a/></Junk>".join(repeat(RECORD, 2000)))
    chosen = reader()
    chosen._plain = None

    answer = chosen.read(body)

    assert len(answer.records) == 2000
    assert answer.unknown == {"Junk": 1999}
    assert etree.fromstring(body) is not None
