"""One product's bad record, at the wire: it fails alone, and costs the others nothing."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from revio_jobs.contracts import CustomerProductRecord
from sandbox import RunningSandbox
from tasks.ports import Filters, PartlyReadable, Purpose
from tasks.query.batcher import Batcher
from tests.integration.soap.accounts import RecordingPermits, call, gateway
from worker.soap import RevioGateway

IDS = tuple(range(5001, 5101))


def read(opened: RevioGateway, ids: tuple[int, ...] = IDS) -> list[CustomerProductRecord]:
    return Batcher(opened, 200, 60_000_000).query(Filters(ids=ids), call(Purpose.QUERY))


@pytest.mark.parametrize("content", ["a&#x1B;b", "a&#0;b", "a\x1bb", "a&#xFFFE;b", "a&#xDC00;b"])
def test_a_forbidden_character_is_replaced_in_its_text_and_told_once(
    content: str, box: RunningSandbox
) -> None:
    box.spoil(5042, Description=content)
    permits = RecordingPermits()
    with gateway(box, permits) as opened, capture_logs() as logs:
        records = read(opened)
        read(opened, (5042,))

    assert [record["customer_product_id"] for record in records] == list(IDS)
    assert records[41]["description"] == "a\ufffdb"
    assert opened.replaced_characters == {5042: 2}
    events = [log for log in logs if log["event"] == "forbidden_characters_replaced"]
    assert [log["products"] for log in events] == [[5042]]
    assert all(permits.health)


def test_an_unreadable_field_is_named_and_the_other_products_come(box: RunningSandbox) -> None:
    box.spoil(5042, Rate="1,5")
    permits = RecordingPermits()
    with gateway(box, permits) as opened, capture_logs() as logs:
        with pytest.raises(PartlyReadable) as raised:
            read(opened)
        assert permits.purposes.count(Purpose.QUERY) == 1

    assert len(raised.value.records) == 99
    [fault] = raised.value.unreadable
    assert (fault.customer_product_id, fault.field) == (5042, "rate")
    assert "1,5" not in str(fault)
    assert [log["product"] for log in logs if log["event"] == "record_unreadable"] == [5042]
    assert all(permits.health)


def test_a_product_that_comes_twice_otherwise_is_nobodys_to_choose(box: RunningSandbox) -> None:
    box.spoil(5042, Customer_Product_ID="5041")
    with gateway(box) as opened, pytest.raises(PartlyReadable) as raised:
        read(opened)

    assert len(raised.value.records) == 98
    [fault] = raised.value.unreadable
    assert fault.customer_product_id == 5041
    assert "came twice, with different values of line_id" in str(fault)


@pytest.mark.parametrize("content", ["AT&T", "a < b", "<b>bold", "&copy;"])
def test_a_product_that_breaks_the_document_is_found_in_few_calls(
    content: str, box: RunningSandbox
) -> None:
    box.spoil(5042, Description=content)
    permits = RecordingPermits()
    with gateway(box, permits) as opened, pytest.raises(PartlyReadable) as raised:
        read(opened)

    assert len(raised.value.records) == 99
    assert [fault.customer_product_id for fault in raised.value.unreadable] == [5042]
    assert permits.purposes.count(Purpose.QUERY) <= 15
    assert all(permits.health)


@pytest.mark.parametrize(
    ("field", "content", "name", "value"),
    [
        ("Cost", "4.5E-05", "cost", "0.000045"),
        ("Cost", "", "cost", None),
        ("Quantity", "", "quantity", None),
        ("Tax_Included", "True", "tax_included", True),
        ("Tax_Included", "FALSE", "tax_included", False),
    ],
)
def test_what_is_plainly_meant_is_read_as_meant(
    field: str, content: str, name: str, value: object, box: RunningSandbox
) -> None:
    box.edit(5042, Cost="1", Quantity="1")
    box.spoil(5042, **{field: content})
    with gateway(box) as opened:
        assert read(opened)[41][name] == value  # type: ignore[literal-required]
