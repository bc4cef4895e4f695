"""Products that one answer has twice, which a join at the vendor's may do.

The same record twice says nothing new. Two that differ say nothing that could be relied on: which
of them was read would depend on who reads, so the product counts as unreadable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import UnreadableRecord
from worker.soap.answer.reader import SoapAnswer


def each_once(answer: SoapAnswer) -> SoapAnswer:
    """The answer with each product once, as a record or among the unreadable ones."""
    unreadable = {fault.customer_product_id: fault for fault in answer.unreadable}
    first: dict[int, CustomerProductRecord] = {}
    for record in answer.records:
        first.setdefault(record["customer_product_id"], record)
    if len(first) == len(answer.records) and not unreadable.keys() & first.keys():
        return answer
    differing = {fault.customer_product_id: fault for fault in _differing(answer, first)}
    faults = tuple((differing | unreadable).values())
    named = {fault.customer_product_id for fault in faults}
    records = [record for product, record in first.items() if product not in named]
    return replace(answer, records=records, unreadable=faults)


def _differing(
    answer: SoapAnswer, first: dict[int, CustomerProductRecord]
) -> Iterator[UnreadableRecord]:
    for record in answer.records:
        known = first[record["customer_product_id"]]
        fields = [name for name, value in record.items() if known[name] != value]  # type: ignore[literal-required]
        if fields:
            yield UnreadableRecord(
                known["customer_product_id"],
                known["customer_id"],
                known["line_id"],
                fields[0],
                f"it came twice, with different values of {', '.join(fields)}",
            )
