from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from lxml import etree

from sandbox.contract.http import Delivery
from sandbox.faults.catalogue import FAULTS, When
from sandbox.faults.distortions import HUGE_BYTES
from sandbox.faults.fault_plan import FaultPlan, FaultRule

UPDATE = "<ID>5001</ID><Rate>1</Rate>"


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_executes_exactly_as_its_name_says(bench: Callable, name: str) -> None:
    box = bench()
    box.control("faults", {"fault": name})
    if box.application.refuses(b"POST /v20/default.asmx HTTP/1.1"):
        assert name == "refuse"
        return
    box.update(UPDATE)
    if name.endswith("-late"):
        assert box.executions(5001) == []
        box.clock.advance(2)
    executed = FAULTS[name].when is not When.NEVER
    assert executed == (not name.endswith("-before") and name not in NOT_EXECUTED)
    assert box.executions(5001) == ([{"Rate": "1.0000"}] if executed else [])
    calls = box.control("calls?list=1")
    assert calls["faults"] == {name: 1}
    assert calls["executed"] == executed
    assert calls["calls"][0]["fault"] == name


NOT_EXECUTED = {
    "throttled-429",
    "throttled-429-bare",
    "quota-403",
    "quota-403-bare",
    "forbidden-403",
    "unauthorised-401",
    "redirect-302",
    "redirect-307",
    "not-found-404",
    "success-false",
    "success-false-bare",
    "deadlock",
    "debug-echo",
    "expired-session",
}


def test_every_fault_meets_a_query_too_and_leaves_the_next_call_alone(bench: Callable) -> None:
    box = bench()
    good = box.query("<ID>5001</ID>")
    for name in sorted(FAULTS.keys() - {"refuse"}):
        box.control("faults", {"fault": name})
        box.query("<ID>5001</ID>")
        faulty = box.answers[-1]
        shown = (faulty.delivery, faulty.status, faulty.headers, faulty.body)
        assert shown != (Delivery.WHOLE, 200, (), good), name
        assert box.query("<ID>5001</ID>") == good, name


@pytest.mark.parametrize(
    ("name", "status", "retry_after"),
    [
        ("throttled-429", 429, "2"),
        ("throttled-429-bare", 429, None),
        ("quota-403", 403, "2"),
        ("quota-403-bare", 403, None),
        ("forbidden-403", 403, None),
    ],
)
def test_gateway_refusals_tell_the_wait_or_do_not(
    bench: Callable, name: str, status: int, retry_after: str | None
) -> None:
    box = bench()
    box.control("faults", {"fault": name})
    box.update(UPDATE)
    answer = box.answers[-1]
    assert (answer.status, dict(answer.headers).get("Retry-After")) == (status, retry_after)
    assert (b"call volume quota" in answer.body) == name.startswith("quota")


def test_success_false_comes_with_a_code_or_without(bench: Callable) -> None:
    assert b"<Error_Code>P3002" in fault_answer(bench(), "success-false")
    bare = fault_answer(bench(), "success-false-bare")
    assert b"Error_Code" not in bare
    assert b"<Message>" in bare


def test_the_echo_holds_the_whole_request_with_its_password(bench: Callable) -> None:
    box = bench()
    echoed = etree.fromstring(fault_answer(box, "debug-echo")).findtext(".//{*}Debug/{*}Request")
    assert echoed
    assert "<Password>sandbox-password</Password>" in echoed


@pytest.mark.parametrize("name", ["truncated-xml", "truncated-end"])
def test_truncated_answers_are_not_xml(bench: Callable, name: str) -> None:
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(fault_answer(bench(), name, "query"))


@pytest.mark.parametrize(
    ("name", "field", "text"),
    [
        ("bad-int", None, b"<Quantity>12x<"),
        ("bad-int", "Customer_ID", b"<Customer_ID>12x<"),
        ("bad-date", None, b"<Activated_Date>2026-13-45<"),
        ("bad-decimal", None, b"<Rate>1,5<"),
        ("bad-boolean", None, b"<Success>perhaps<"),
    ],
)
def test_a_bad_value_is_put_where_wanted(
    bench: Callable, name: str, field: str | None, text: bytes
) -> None:
    assert fault_answer(bench(), name, "query", field=field).count(text) == 1


def test_a_missing_field_is_gone_from_the_first_record_only(bench: Callable) -> None:
    answer = fault_answer(bench(), "missing-field", "query", field="Rate")
    assert (answer.count(b"<Customer_Product_ID>"), answer.count(b"<Rate>")) == (2, 1)


def test_reordering_keeps_everything(bench: Callable) -> None:
    box = bench()
    good = box.query("<ID>5001</ID><ID>5002</ID>")
    reordered = fault_answer(box, "reordered", "query")
    assert leaves(reordered) != leaves(good)
    assert sorted(leaves(reordered)) == sorted(leaves(good))


def test_an_answer_to_another_operation_says_so(bench: Callable) -> None:
    answer = fault_answer(bench(), "other-operation")
    assert b"CustomerProducts_QueryResponse" in answer
    assert b"CustomerProducts_UpdateRes" not in answer


def test_entities_would_blow_up_and_huge_bodies_are_huge(bench: Callable) -> None:
    entities = fault_answer(bench(), "entities")
    assert entities.count(b"<!ENTITY") == 8
    assert b"&h;" in entities
    assert len(fault_answer(bench(), "huge-body")) > HUGE_BYTES


def test_the_same_refusal_serves_both_soap_versions(bench: Callable) -> None:
    box = bench()
    box.control("faults", {"fault": "soap-fault-before"})
    source = (
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        b'<CustomerProducts_Query xmlns="http://api.myh2o.com/v20"/></s:Body></s:Envelope>'
    )
    box.post(source, content_type="application/soap+xml; charset=utf-8")
    answer = box.answers[-1]
    assert answer.content_type.startswith("application/soap+xml")
    assert b"soap:Receiver" in answer.body


def test_a_rule_meets_only_the_calls_that_it_names() -> None:
    plan = FaultPlan([], Random(1))
    plan.add(
        FaultRule.from_json(
            {"fault": "reset-after", "operation": "CustomerProducts_Update", "ids": [7], "next": 2}
        )
    )
    update = "CustomerProducts_Update"
    assert plan.pick("CustomerProducts_Query", [7]) is None
    assert plan.pick(update, [8]) is None
    assert [plan.pick(update, [8, 7]) is not None for _ in range(3)] == [True, True, False]


def test_a_rate_meets_that_share_of_the_calls() -> None:
    plan = FaultPlan([FaultRule.from_flag("reset-before:0.25")], Random(1))
    met = sum(plan.pick("CustomerProducts_Query", []) is not None for _ in range(4000))
    assert 900 < met < 1100


def test_a_reset_brings_back_the_rules_of_the_command_line() -> None:
    plan = FaultPlan([FaultRule.from_flag("reset-before:1")], Random(1))
    plan.clear()
    assert plan.pick("CustomerProducts_Query", []) is None
    plan.reset()
    assert plan.pick("CustomerProducts_Query", [])


@pytest.mark.parametrize(
    "rule", [{"fault": "nonsense"}, {"fault": "drip", "nxt": 1}, {"fault": "drip", "rate": "x"}, {}]
)
def test_a_rule_that_makes_no_sense_is_refused(bench: Callable, rule: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        FaultRule.from_json(rule)


def fault_answer(box: Any, name: str, kind: str = "update", **rule: object) -> Any:
    box.control("faults", {"fault": name, **rule})
    return box.update(UPDATE) if kind == "update" else box.query("<ID>5001</ID><ID>5002</ID>")


def leaves(document: bytes) -> list[tuple[str, str]]:
    root = etree.fromstring(document)
    return [(str(one.tag), one.text or "") for one in root.iter() if not len(one)]
