from __future__ import annotations

from dataclasses import replace

from tests.unit.soap.answer.test_reader import READ, RECORD, read
from tests.unit.soap.wsdls import query_answer
from worker.soap.answer.repeated_records import each_once

ID = "<Customer_Product_ID>5001</Customer_Product_ID>"
OTHER = RECORD.replace(ID, ID.replace("5001", "5002"))


def test_an_answer_that_has_each_product_once_stays_as_it_is() -> None:
    answer = read(query_answer(RECORD + OTHER))
    assert each_once(answer) is answer


def test_the_same_record_twice_is_read_once() -> None:
    answer = each_once(read(query_answer(RECORD + OTHER + RECORD)))
    assert answer.records == [READ, {**READ, "customer_product_id": 5002}]
    assert not answer.unreadable


def test_two_that_differ_are_unreadable_and_say_in_what() -> None:
    dearer = RECORD.replace("12.5000", "13.5000")
    answer = each_once(read(query_answer(RECORD + OTHER + dearer)))
    assert [record["customer_product_id"] for record in answer.records] == [5002]
    [fault] = answer.unreadable
    assert (fault.customer_product_id, fault.field) == (5001, "rate")
    assert "12.5" not in str(fault)


def test_a_product_that_came_readable_and_unreadable_is_unreadable() -> None:
    odd = RECORD.replace("12.5000", "12,5")
    answer = each_once(read(query_answer(RECORD + odd)))
    assert not answer.records
    assert [fault.customer_product_id for fault in answer.unreadable] == [5001]
    assert each_once(answer) == replace(answer)
