"""What a run hears of the products that it reads."""

from __future__ import annotations

from typing import Any

from tasks.ports import PartlyReadable, UnreadableRecord
from worker.wiring.campaigns import VendorProducts

NAMELESS = UnreadableRecord(None, None, None, "customer_product_id", "'x' is not a number")
NAMED = UnreadableRecord(3, None, None, "rate", "'y' is not an amount")


class Gateway:
    """Answers with one record and the faults that it is given."""

    def __init__(self, *faults: UnreadableRecord) -> None:
        self._faults = list(faults)

    def check_schema(self, _max_age_s: float) -> None:
        pass

    def query(self, _filters: object, _call: object) -> Any:
        raise PartlyReadable([{"customer_product_id": 1}], self._faults)  # type: ignore[typeddict-item]


def test_a_product_whose_id_cannot_be_read_is_not_taken_for_one_that_is_gone() -> None:
    read = VendorProducts("default", Gateway(NAMELESS, NAMED)).read([1, 2, 3])  # type: ignore[arg-type]
    assert read == {1: {"customer_product_id": 1}, 2: NAMELESS, 3: NAMED}


def test_a_product_that_is_not_in_the_answer_is_missing() -> None:
    read = VendorProducts("default", Gateway(NAMED)).read([1, 2, 3])  # type: ignore[arg-type]
    assert read == {1: {"customer_product_id": 1}, 3: NAMED}
