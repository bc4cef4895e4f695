"""What is submitted: updates whose values tell which job wrote them, and queries."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal, Self

from revio_jobs import UpdateJob

FIELDS = ("rate", "quantity", "description", "code1")

# As the sandbox's control names them.
VENDOR_NAMES = {
    "rate": "Rate",
    "quantity": "Quantity",
    "description": "Description",
    "code1": "Code1",
}

FORMS = ("chain", "chord", "link")
_UPDATES_IN = {"chain": 1, "chord": 2, "link": 1}
_FIRST_PRODUCT = 5001
_QUERIED_AT_ONCE = 3


@dataclass(frozen=True)
class Size:
    """How much is submitted and what goes wrong meanwhile."""

    updates: int = 1000
    """Through the client."""
    others: int = 1800
    """A third each: raw updates, canvases and queries."""
    products: int = 500
    producers: int = 4
    """Of updates through the client."""
    other_producers: int = 2
    """Of each other kind."""
    worker_kills: int = 20
    redis_kills: int = 3
    stalls: int = 2
    """Of workers, each for longer than its lease."""
    redis_stalls: int = 4
    """Short ones and such as are longer than commands wait."""
    producer_kills: int = 6
    power_cuts: int = 0
    """Of Redis's machine, and every second time of the workers' with it."""
    duplicates: float = 0.10
    conflicts: float = 0.02

    @property
    def spread_s(self) -> float:
        """For how long things are submitted and go wrong."""
        return (self.updates + self.others) / 40

    def of(self, updates: int) -> Self:
        """The same with another number of updates, and of the others in proportion."""
        return replace(self, updates=updates, others=self.others * updates // self.updates)


SHORT = Size(
    updates=120,
    others=180,
    products=80,
    other_producers=1,
    worker_kills=3,
    redis_kills=1,
    stalls=1,
    redis_stalls=1,
    producer_kills=2,
)


# Everything else fails in the other runs.
POWER_CUTS = Size(
    updates=480,
    others=600,
    products=200,
    worker_kills=0,
    redis_kills=0,
    stalls=0,
    redis_stalls=0,
    producer_kills=0,
    power_cuts=20,
)


@dataclass(frozen=True)
class Submission:
    """One line of the list of a producer that uses the client, or sends raw messages."""

    number: int
    """Of the job; a duplicate has its original's."""
    kind: Literal["job", "duplicate", "conflict", "raw"]
    job: UpdateJob


@dataclass(frozen=True)
class Canvas:
    """Raw updates of one product, and a query that follows when they have ended."""

    number: int
    """Of its first update."""
    form: str
    updates: tuple[UpdateJob, ...]

    @property
    def product(self) -> int:
        """Whose updates they are."""
        return self.updates[0].id


@dataclass(frozen=True)
class Plan:
    """By producer, what it submits, in this order.

    All updates of a product are in one list and of one kind, so their order is known.
    """

    client: tuple[list[Submission], ...]
    raw: tuple[list[Submission], ...]
    canvases: tuple[list[Canvas], ...]
    queries: tuple[list[tuple[int, ...]], ...]
    """Ids of products."""
    jobs: dict[int, UpdateJob] = field(default_factory=dict)
    """All updates, by number."""


def key_of(number: int) -> str:
    return f"chaos-{number}"


def values_of(number: int, fields: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "rate": Decimal(number + 1) / 100,
        "quantity": number + 1,
        "description": f"written by {number}",
        "code1": f"C{number}",
    }
    return {name: values[name] for name in fields}


def writer_of(name: str, value: str) -> int:
    """The number of the job that wrote this value."""
    match name:
        case "rate":
            return int(Decimal(value) * 100) - 1
        case "quantity":
            return int(value) - 1
        case "description":
            return int(value.rsplit(" ", 1)[1])
        case _:
            return int(value.removeprefix("C"))


def accepting_products(count: int) -> list[int]:
    """Ids of the sandbox's products that do not reject updates."""
    ids = range(_FIRST_PRODUCT, _FIRST_PRODUCT + 2 * count)
    return [product for product in ids if product % 25][:count]


def make_plan(size: Size, chance: random.Random) -> Plan:
    """Half of the products are for the client's updates, a quarter for each other kind's."""
    return _Planner(size, chance).plan()


class _Planner:
    def __init__(self, size: Size, chance: random.Random) -> None:
        self._size = size
        self._chance = chance
        self._products = accepting_products(size.products)
        self._jobs: dict[int, UpdateJob] = {}

    def plan(self) -> Plan:
        size, products = self._size, self._products
        others, half = size.others // 3, len(products) // 2
        quarter = half + len(products) // 4
        return Plan(
            self._client(products[:half]),
            self._raw(products[half:quarter], others),
            self._canvases(products[quarter:], others),
            self._queries(others),
            self._jobs,
        )

    def _client(self, products: list[int]) -> tuple[list[Submission], ...]:
        lists: list[list[Submission]] = [[] for _ in range(self._size.producers)]
        for _ in range(self._size.updates):
            product = self._chance.choice(products)
            mine = lists[product % len(lists)]
            number, job = self._update(product)
            mine.append(Submission(number, "job", job))
            mine.extend(self._echoes(mine))
        return tuple(lists)

    def _raw(self, products: list[int], count: int) -> tuple[list[Submission], ...]:
        lists: list[list[Submission]] = [[] for _ in range(self._size.other_producers)]
        for _ in range(count):
            product = self._chance.choice(products)
            number, job = self._update(product)
            lists[product % len(lists)].append(Submission(number, "raw", job))
        return tuple(lists)

    def _canvases(self, products: list[int], count: int) -> tuple[list[Canvas], ...]:
        lists: list[list[Canvas]] = [[] for _ in range(self._size.other_producers)]
        for _ in range(count):
            product, form = self._chance.choice(products), self._chance.choice(FORMS)
            updates = [self._update(product) for _ in range(_UPDATES_IN[form])]
            canvas = Canvas(updates[0][0], form, tuple(job for _, job in updates))
            lists[product % len(lists)].append(canvas)
        return tuple(lists)

    def _queries(self, count: int) -> tuple[list[tuple[int, ...]], ...]:
        lists: list[list[tuple[int, ...]]] = [[] for _ in range(self._size.other_producers)]
        for number in range(count):
            ids = tuple(self._chance.sample(self._products, _QUERIED_AT_ONCE))
            lists[number % len(lists)].append(ids)
        return tuple(lists)

    def _update(self, product: int) -> tuple[int, UpdateJob]:
        number = len(self._jobs)
        fields = tuple(self._chance.sample(FIELDS, self._chance.randint(1, len(FIELDS))))
        values = values_of(number, fields)
        job = UpdateJob(id=product, idempotency_key=key_of(number), **values)
        self._jobs[number] = job
        return number, job

    def _echoes(self, mine: list[Submission]) -> Iterator[Submission]:
        earlier = self._chance.choice(mine)
        if earlier.kind != "job":
            return
        if self._chance.random() < self._size.duplicates:
            yield Submission(earlier.number, "duplicate", earlier.job)
        if self._chance.random() < self._size.conflicts:
            changed = earlier.job.model_dump(exclude_unset=True) | {"code2": "CONFLICT"}
            yield Submission(earlier.number, "conflict", UpdateJob.model_validate(changed))
