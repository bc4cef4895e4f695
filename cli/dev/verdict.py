"""Whether the demonstration did what it says, judged by the sandbox's own record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from cli.dev.rates import NewRate

Truth = Mapping[int, Mapping[str, str | None]]
"""Each product's fields, by its id."""

Executions = Mapping[int, Sequence[Mapping[str, Any]]]
"""Each update that was carried out, by the product's id."""


def differences(rates: Sequence[NewRate], truth: Truth, executions: Executions) -> Iterator[str]:
    """What is not as it should be: one line each.

    Each listed product has its new rate, from exactly one update that set nothing else; no other
    product was touched.
    """
    for wanted in rates:
        rate = Decimal(truth[wanted.id]["Rate"] or "NaN")
        if rate != wanted.rate:
            yield f"product {wanted.id} costs {rate} instead of {wanted.rate}"
        done = executions.get(wanted.id, ())
        if len(done) != 1:
            yield f"product {wanted.id} was updated {len(done)} times instead of once"
        if extra := {name for execution in done for name in execution["fields"]} - {"Rate"}:
            yield f"product {wanted.id} had more set than its rate: {', '.join(sorted(extra))}"
    for product in sorted(executions.keys() - {rate.id for rate in rates}):
        yield f"product {product} was updated, but no row asked for it"
