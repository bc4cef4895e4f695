"""The double's products: from what they are made, and whether they are as an update expects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from revio_jobs.contracts import PRODUCT_FIELDS, CustomerProduct, UpdateJob, values_agree


def product_of(given: CustomerProduct | Mapping[str, Any]) -> CustomerProduct:
    """Raises ValueError for a field that does not exist."""
    if isinstance(given, Mapping) and (unknown := given.keys() - CustomerProduct.model_fields):
        raise ValueError(f"a product has no field {', '.join(sorted(unknown))}")
    return CustomerProduct.model_validate(given)


def drift(job: UpdateJob, product: CustomerProduct) -> dict[str, Any]:
    """The fields that are not as the update expects, with what the product has."""
    expected = job.expected.named() if job.expected else {}
    shown = product.model_dump(mode="json")
    return {n: shown[n] for n, value in expected.items() if not values_agree(n, value, shown[n])}


def shows(job: UpdateJob, product: CustomerProduct, fields: Iterable[str]) -> bool:
    """Whether the product has all those values of the update already."""
    wanted = {name: job.changes().get(name) for name in fields}
    return all(
        PRODUCT_FIELDS[name].is_readable and values_agree(name, value, getattr(product, name))
        for name, value in wanted.items()
    )
