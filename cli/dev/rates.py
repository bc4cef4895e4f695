"""The demonstration's price list, `examples/new-rates.csv`, and how it was made:

python -m cli.dev.rates > examples/new-rates.csv
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from pathlib import Path
from typing import IO

from revio_jobs import UpdateJob
from sandbox.vendor.population import populate

CUSTOMERS, SEED = 2000, 1
"""The sandbox that the list is for; these are its defaults."""

_ROWS = 2000
_FACTOR = Decimal("1.05")
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class NewRate:
    """One row: the product, what it is and costs, and what it shall cost."""

    id: int
    customer_id: int
    description: str
    old_rate: Decimal
    rate: Decimal

    def job(self, campaign: str) -> UpdateJob:
        """Its update. The key names campaign and product, so that a repeat is recognised."""
        return UpdateJob(id=self.id, rate=self.rate, idempotency_key=f"{campaign}:{self.id}")


def price_list() -> Iterator[NewRate]:
    """5 % more, to the cent, for the first 2,000 products of the sandbox that are not denied."""
    changeable = (record for record in populate(CUSTOMERS, SEED) if record["Status"] != "DENIED")
    for record in islice(changeable, _ROWS):
        old_rate = Decimal(record["Rate"] or 0)
        yield NewRate(
            id=int(record["Customer_Product_ID"] or 0),
            customer_id=int(record["Customer_ID"] or 0),
            description=record["Description"] or "",
            old_rate=old_rate,
            rate=(old_rate * _FACTOR).quantize(_CENT, ROUND_HALF_UP),
        )


def write(rows: Iterable[NewRate], out: IO[str]) -> None:
    """As CSV with a header."""
    writer = csv.DictWriter(out, [field.name for field in fields(NewRate)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, rows))


def read(path: Path) -> list[NewRate]:
    """What `write` has written."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            NewRate(
                id=int(row["id"]),
                customer_id=int(row["customer_id"]),
                description=row["description"],
                old_rate=Decimal(row["old_rate"]),
                rate=Decimal(row["rate"]),
            )
            for row in csv.DictReader(file)
        ]


if __name__ == "__main__":
    write(price_list(), sys.stdout)
