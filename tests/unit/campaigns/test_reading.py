"""Reading current values waits for as long as it takes, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.plan.product_reader import ProductReader
from revio_jobs import Lane, QueryJob, UnreadableProduct
from revio_jobs.errors import Unreadable


@dataclass
class Slow:
    """What the reader asks of RevioJobs; each job answers when it is asked for the third time."""

    asked: int = 0
    lanes: set[Lane] = field(default_factory=set)

    def submit(self, jobs: Sequence[QueryJob], lane: Lane) -> list[Any]:
        self.lanes.add(lane)
        return [self for _ in jobs]

    def result(self, timeout: float) -> Any:
        self.asked += 1
        if self.asked % 3:
            raise TimeoutError
        return self

    calls = 1
    customer_products = ()
    unreadable = ()


def test_a_query_that_takes_long_is_told_of_each_time_and_goes_on() -> None:
    slow, told = Slow(), list[str]()
    reader = ProductReader(slow, "default", 2, on_wait=lambda: told.append("waits"))  # type: ignore[arg-type]
    assert list(reader.by_id([[1, 2], [3]])) == [([1, 2], {}), ([3], {})]
    assert (told, reader.calls, slow.lanes) == (["waits"] * 4, 2, {Lane.BULK})


class Unread(Slow):
    """No record of its answers can be read."""

    def result(self, timeout: float) -> Any:
        raise Unreadable([{"customer_product_id": 2, "field": "rate", "problem": "no number"}])


def test_a_query_of_which_nothing_can_be_read_says_so_of_each_product() -> None:
    [(batch, products)] = ProductReader(Unread(), "default", 2).by_id([[1, 2]])  # type: ignore[arg-type]
    assert batch == [1, 2]
    assert products == {
        2: UnreadableProduct(customer_product_id=2, field="rate", problem="no number")
    }
