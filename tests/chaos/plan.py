"""What is submitted: updates whose values tell which job wrote them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from revio_jobs import UpdateJob

FIELDS = ("rate", "quantity", "description", "code1")

# As the sandbox's control names them.
VENDOR_NAMES = {
    "rate": "Rate",
    "quantity": "Quantity",
    "description": "Description",
    "code1": "Code1",
}


@dataclass(frozen=True)
class Size:
    updates: int = 2000
    products: int = 500
    producers: int = 4
    worker_kills: int = 20
    redis_kills: int = 3
    stalls: int = 2
    producer_kills: int = 4
    duplicates: float = 0.10
    conflicts: float = 0.02


@dataclass(frozen=True)
class Submission:
    """One line of a producer's list."""

    number: int
    """Of the job; a duplicate has its original's."""
    kind: str
    """job, duplicate or conflict"""
    job: UpdateJob


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
    return [each for each in range(5001, 5001 + 2 * count) if each % 25][:count]


def make_plan(size: Size, chance: random.Random) -> list[list[Submission]]:
    """A list for each producer. A product's jobs are all in one list, so their order is known."""
    products = accepting_products(size.products)
    lists: list[list[Submission]] = [[] for _ in range(size.producers)]
    for number in range(size.updates):
        product = chance.choice(products)
        mine = lists[product % size.producers]
        fields = tuple(chance.sample(FIELDS, chance.randint(1, len(FIELDS))))
        job = UpdateJob(id=product, idempotency_key=key_of(number), **values_of(number, fields))
        mine.append(Submission(number, "job", job))
        mine.extend(_echoes(mine, size, chance))
    return lists


def _echoes(mine: list[Submission], size: Size, chance: random.Random) -> Iterator[Submission]:
    earlier = chance.choice(mine)
    if earlier.kind != "job":
        return
    if chance.random() < size.duplicates:
        yield Submission(earlier.number, "duplicate", earlier.job)
    if chance.random() < size.conflicts:
        other = earlier.job.model_copy(update={"code2": "CONFLICT"})
        yield Submission(
            earlier.number,
            "conflict",
            UpdateJob.model_validate(other.model_dump(exclude_unset=True) | {"code2": "CONFLICT"}),
        )
