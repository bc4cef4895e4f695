from __future__ import annotations

import time
import tracemalloc
from functools import cache
from itertools import repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sandbox.contract.shapes import RECORD_PATHS, Shapes
from tasks.ports import UnreadableRecord
from tests.examples import examples
from tests.unit.soap.answer import reference
from tests.unit.soap.answer.strategies import answers, mutated, records
from tests.unit.soap.wsdls import query_answer, render, schema_of
from worker.soap import vendor
from worker.soap.answer.forbidden import MARK, REPLACEMENT, mark_forbidden
from worker.soap.answer.reader import AnswerReader, SoapAnswer, SoapFaultError
from worker.soap.answer.xml import SpoiltAnswerError, UnreadableAnswerError
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


@settings(max_examples=examples(70), deadline=None)
@given(answers())
def test_a_true_answer_is_read_as_the_reference_reads_it(case: tuple[Shapes, bytes]) -> None:
    found, expected = both_readings(*case)

    assert found is not None
    assert found == expected


@settings(max_examples=examples(70), deadline=None)
@given(answers(odd=True))
def test_an_odd_answer_is_read_as_the_reference_reads_it(case: tuple[Shapes, bytes]) -> None:
    found, expected = both_readings(*case)

    assert found == expected


@settings(max_examples=examples(150), deadline=None)
@given(mutated())
def test_a_spoilt_answer_is_read_as_the_reference_reads_it_or_refused(
    case: tuple[Shapes, bytes],
) -> None:
    found, expected = both_readings(*case)

    assert found is None or found == expected


def both_readings(chosen: Shapes, body: bytes) -> tuple[object, object]:
    """Ours and the reference's; None for what cannot be read.

    Of a document that XML forbids for some characters alone, the reference gets the replaced form.
    """
    expected = as_reference(chosen, body)
    if expected is None and (marked := mark_forbidden(body)):
        expected = as_reference(chosen, marked.replace(MARK.encode(), REPLACEMENT.encode()))
    try:
        answer = reader(chosen).read(body)
    except (UnreadableAnswerError, SoapFaultError):
        return None, expected
    is_whole = answer.success and not answer.unreadable
    return reference.comparable(answer.records) if is_whole else None, expected


def as_reference(chosen: Shapes, body: bytes) -> object:
    absent = frozenset(f.wire for f in reader(chosen)._place.fields if f.may_be_absent)
    try:
        return reference.read(body, RECORD_PATHS[chosen.records], absent)
    except reference.NoAnswerError:
        return None


@settings(max_examples=examples(150), deadline=None)
@given(mutated())
def test_the_short_way_and_the_careful_way_agree(case: tuple[Shapes, bytes]) -> None:
    chosen, body = case
    careful = reader(chosen)
    careful._pattern = None

    assert outcome(reader(chosen), body) == outcome(careful, body)


def outcome(chosen: AnswerReader, body: bytes) -> object:
    try:
        return chosen.read(body)
    except (UnreadableAnswerError, SoapFaultError) as exc:
        return type(exc), str(exc)


def test_records_as_asp_net_writes_them_are_matched_by_the_pattern() -> None:
    pattern = reader()._pattern
    assert pattern is not None

    cut = pattern.cut(query_answer(RECORD * 3))

    assert cut is not None
    assert [len(run) for run in cut.runs.values()] == [3]
    assert b"Customer_Product_ID" not in cut.rest


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("", "rate missing"),
        ("<Rate>1,5</Rate>", "rate holds text that is not a decimal"),
        ("<Rate>1</Rate><Rate>1</Rate>", "rate came twice"),
        ("<Rate>1<b/></Rate>", "rate holds elements"),
        ("<Rate>1&#x1B;</Rate>", "rate holds text that is not a decimal"),
    ],
)
def test_a_field_that_cannot_be_read_fails_its_own_record_alone(new: str, said: str) -> None:
    other = RECORD.replace("5001", "5002")
    spoilt = RECORD.replace("5001", "5003").replace("<Rate>12.5000</Rate>", new)

    answer = read(query_answer(RECORD + spoilt + other))

    assert answer.records == [READ, READ | {"customer_product_id": 5002}]
    assert answer.unreadable == (UnreadableRecord(5003, 2, 1, "rate", said),)


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        (
            "<Rate>12.5000</Rate>",
            '<Rate xmlns="urn:x">1</Rate>',
            UnreadableAnswerError,
            "Rate in another namespace",
        ),
        (">5001</Customer_Product_ID>", ' xsi:nil="true" /><!--', SpoiltAnswerError, "broken XML"),
        (
            ">5001</Customer_Product_ID>",
            ' xsi:nil="1"></Customer_Product_ID>',
            SpoiltAnswerError,
            "it has no id",
        ),
        ("5001", "x", SpoiltAnswerError, "holds text that is not an integer"),
        ("<Description>a", "<Description>AT&T", SpoiltAnswerError, "broken XML"),
    ],
)
def test_what_concerns_no_one_record_is_an_error_of_the_answer(
    old: str, new: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(UnreadableAnswerError, match=said) as raised:
        read(query_answer(RECORD + RECORD.replace(old, new)))
    assert raised.type is error


@settings(max_examples=examples(70), deadline=None)
@given(st.lists(records(Shapes(), odd=True), min_size=1, max_size=4))
def test_each_record_is_read_as_if_it_had_come_alone(written: list[str]) -> None:
    def parts(markup: str) -> tuple[list[Any], list[Any]]:
        answer = read(query_answer(markup))
        return list(answer.records), list(answer.unreadable)

    try:
        alone = [parts(markup) for markup in written]
    except UnreadableAnswerError:
        return
    together, unreadable = parts("".join(written))

    assert together == [record for records, _ in alone for record in records]
    assert unreadable == [fault for _, faults in alone for fault in faults]


@pytest.mark.parametrize(
    "spoilt", ["&#x1B;", "&#27;", "&#x0;", "&#xD800;", "&#xFFFF;", "\x01", "\x7f\x1b"]
)
def test_a_character_that_xml_forbids_is_replaced_in_its_text_alone(spoilt: str) -> None:
    other = RECORD.replace("5001", "5002")
    body = query_answer(RECORD.replace("<Description>a", f"<Description>a{spoilt}b") + other)

    answer = read(body)

    description = answer.records[0]["description"] or ""
    assert description.startswith("a")
    assert description.endswith("\ufffdb")
    assert answer.records[1] == READ | {"customer_product_id": 5002}
    assert answer.replaced_in == (5001,)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_bytes_that_are_not_text_are_replaced_too(encoding: str) -> None:
    spoilt = RECORD.replace("<Description>a", "<Description>é\x02")
    body = query_answer(spoilt).decode().replace('encoding="utf-8"', f'encoding="{encoding}"')

    assert read(body.encode(encoding)).records == [READ | {"description": "é\ufffd"}]


def test_a_byte_that_is_not_utf_8_is_replaced() -> None:
    body = query_answer(RECORD.replace("<Description>a", "<Description>caf@"))

    assert read(body.replace(b"@", b"\xe9")).records == [READ | {"description": "caf\ufffd"}]


def test_what_only_looks_like_a_forbidden_character_stays() -> None:
    spoilt = RECORD.replace("<Description>a", "<Description><![CDATA[&#x1B;]]>\x02")

    assert read(query_answer(spoilt)).records == [READ | {"description": "&#x1B;\ufffd"}]


@pytest.mark.parametrize("place", ["<Ra\x01te>", "<Rate a='\x01'>", "<!--\x01--><Rate>"])
def test_a_forbidden_character_in_markup_spoils_the_answer(place: str) -> None:
    with pytest.raises(SpoiltAnswerError):
        read(query_answer(RECORD.replace("<Rate>", place)))


def test_a_session_key_is_never_read_with_replacements() -> None:
    header = {"Success": "true", "Impersonated": "false", "SessionKey": "a\x01b"}
    with pytest.raises(UnreadableAnswerError, match="in the Header"):
        read(query_answer(RECORD, header=header))


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


def test_a_text_that_is_full_of_forbidden_characters_costs_little() -> None:
    spoilt = "\x01" * 400_000 + "a&#0;" * 100_000
    began = time.process_time()
    answer = read(query_answer(RECORD.replace("<Description>a", f"<Description>{spoilt}")))
    assert time.process_time() - began < 5
    assert answer.records[0]["description"] == spoilt.replace("\x01", "\ufffd").replace(
        "&#0;", "\ufffd"
    )


def test_a_header_may_be_printed_with_blanks() -> None:
    header = {"Success": "\n false\n", "Error_Code": "\n S2005\n", "Message": " no \n"}
    answer = read(query_answer("", header={**header, "SessionKey": "\n  \n"}))
    assert (answer.success, answer.error_code, answer.message) == (False, "S2005", "no")
    assert answer.session_key is None


def test_what_a_record_leaves_in_the_tree_is_next_to_nothing() -> None:
    body = query_answer("<Junk><a/></Junk>".join(repeat(RECORD, 2000)))
    chosen = reader()
    chosen._pattern = None

    answer = chosen.read(body)

    assert len(answer.records) == 2000
    assert answer.unknown == {"Junk": 1999}
    assert etree.fromstring(body) is not None
