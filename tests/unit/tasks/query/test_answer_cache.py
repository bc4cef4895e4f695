"""Answers that may be old, in a world in which updates are executed and settled at any time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revio_jobs import errors
from revio_jobs.contracts import CustomerProductRecord
from tasks.ports import Filters
from tasks.query.answer_cache import Answers, Reading, lag_left_s

EMPTY: dict[str, Any] = dict.fromkeys(CustomerProductRecord.__annotations__)
PER_CUSTOMER = 3
PRODUCTS = range(9)
START = 1_000_000.0


class World:
    """Three customers with three products each; a product's quantity counts its changes.

    Implements Writes.
    """

    def __init__(self, most_bytes: int = 10**6) -> None:
        self.seconds = START
        self.quantity = dict.fromkeys(PRODUCTS, 0)
        self.executed: list[tuple[float, int, int]] = [(0.0, product, 0) for product in PRODUCTS]
        self.settled = dict.fromkeys(PRODUCTS, 0)
        self.calls: list[Filters] = []
        self.is_up = True
        self._written: dict[int, int] = {}
        self.answers = Answers(self, most_bytes, {"slow": 10.0}, lambda: self.seconds)

    def now(self) -> int:
        if not self.is_up:
            raise errors.Unavailable("Redis is away")
        return round(self.seconds * 1000)

    def last(self, account: str, products: Iterable[int]) -> dict[int, int]:
        if not self.is_up:
            raise errors.Unavailable("Redis is away")
        return {product: self._written[product] for product in products if product in self._written}

    def execute(self, product: int) -> None:
        self.quantity[product] += 1
        self.executed.append((self.seconds, product, self.quantity[product]))

    def settle(self, product: int) -> None:
        self.settled[product] = self.quantity[product]
        self._written[product] = self.now()

    def ask(self, filters: Filters) -> list[CustomerProductRecord]:
        self.calls.append(filters)
        chosen = [product for product in filters.ids if product in self.quantity]
        for customer in filters.customer_ids + filters.line_ids:
            chosen += [product for product in PRODUCTS if product // PER_CUSTOMER == customer]
        return [self.record(job) for job in chosen]

    def record(self, product: int) -> Any:
        customer = product // PER_CUSTOMER
        named = {"customer_product_id": product, "customer_id": customer, "line_id": customer}
        return EMPTY | named | {"quantity": self.quantity[product]}

    def read(self, max_age_s: int = 0, account: str = "default", **filters: Any) -> Reading:
        reading = self.answers.reading(account, max_age_s, self.ask)
        self.found = reading.query(Filters(**filters))
        return reading

    def quantity_at(self, product: int, seconds: float) -> int:
        """Just before that moment."""
        return max(
            count
            for at, product_id, count in self.executed
            if product_id == product and at < seconds
        )


moments = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 40)),
    st.tuples(st.sampled_from(["execute", "settle"]), st.sampled_from(PRODUCTS)),
    st.tuples(
        st.sampled_from(["ids", "customer_ids", "line_ids"]),
        st.lists(st.integers(0, 10), min_size=1, max_size=4, unique=True),
        st.integers(0, 60),
    ),
)


@given(st.lists(moments, max_size=40), st.sampled_from([0, 600, 10**6]))
def test_no_answer_is_older_than_asked_for_or_than_an_update_that_was_seen_applied(
    story: list[Any], most_bytes: int
) -> None:
    world = World(most_bytes)
    for kind, what, *max_age_s in story:
        match kind:
            case "pass":
                world.seconds += what
            case "execute":
                world.execute(what)
            case "settle":
                world.settle(what)
            case _:
                reading = world.read(*max_age_s, **{kind: tuple(what)})
                assert world.seconds - reading.read_at <= max_age_s[0]
                fresh = world.ask(Filters(**{kind: tuple(what)}))
                ids = [entry["customer_product_id"] for entry in world.found]
                assert ids == [product_id["customer_product_id"] for product_id in fresh]
                for record in world.found:
                    product, quantity = record["customer_product_id"], record["quantity"]
                    assert quantity is not None
                    assert quantity >= world.settled[product]
                    assert quantity >= world.quantity_at(product, reading.read_at)
        assert world.answers._bytes <= most_bytes


def test_an_answer_young_enough_costs_no_call() -> None:
    world = World()
    world.read(60, ids=(1, 2))
    world.seconds += 59
    reading = world.read(60, ids=(2, 1))
    assert (reading.calls, reading.read_at) == (0, START)
    assert [entry["customer_product_id"] for entry in world.found] == [2, 1]


def test_where_changes_show_late_an_answer_soon_after_one_is_not_kept() -> None:
    world = World()
    world.execute(1)
    world.settle(1)
    for seconds, calls in ((9, 1), (2, 1), (1, 0)):
        world.seconds += seconds
        assert world.read(60, "slow", ids=(1,)).calls == calls
    assert lag_left_s(world, "slow", 10.0, 1) == 0
    world.settle(1)
    world.seconds += 4
    assert [lag_left_s(world, "slow", 10.0, number) for number in (1, 2)] == [6.0, 0.0]


def test_only_what_is_not_known_is_asked_for() -> None:
    world = World()
    world.read(60, ids=(1, 2, 99))
    reading = world.read(60, ids=(3, 2, 99))
    assert (reading.calls, world.calls[-1]) == (1, Filters(ids=(3,)))


@pytest.mark.parametrize("kind", ["ids", "customer_ids", "line_ids"])
def test_an_update_makes_stale_what_was_read_of_the_product_its_line_and_its_customer(
    kind: str,
) -> None:
    world = World()
    value = (4,) if kind == "ids" else (1,)
    world.read(60, **{kind: value})
    world.execute(4)
    world.settle(4)
    world.seconds += 1
    assert world.read(60, **{kind: value}).calls == 1
    assert world.read(60, **{kind: value}).calls == 0


def test_who_tolerates_no_age_is_always_asked_for_and_keeps_nothing() -> None:
    world = World()
    assert world.read(ids=(1,)).calls == 1
    assert world.read(60, ids=(1,)).calls == 1
    assert world.read(ids=(1,)).calls == 1


def test_filters_of_several_kinds_and_other_accounts_share_nothing() -> None:
    world = World()
    world.read(60, ids=(1,))
    assert world.read(60, ids=(1,), line_ids=(1,)).calls == 1
    assert world.read(60, "other", ids=(1,)).calls == 1


def test_without_redis_nothing_old_is_believed() -> None:
    world = World()
    world.read(60, ids=(1,))
    world.is_up = False
    assert world.read(60, ids=(1,)).calls == 1
    world.is_up = True
    assert world.read(60, ids=(1,)).calls == 0
