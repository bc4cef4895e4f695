"""A product: what touched it, and as Rev.io has it at this moment."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from console.visit import Refused, Visit
from revio_jobs import CustomerProduct, Lane

_PATIENCE_S = 20.0
_DIGITS = 18


def show_product(visit: Visit) -> Response:
    """Every campaign and job that touched it; with `look` also the product as it is now."""
    text = visit.query.get("id", "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        return _page(visit, text=text, status=HTTPStatus.UNPROCESSABLE_ENTITY if text else 200)
    product, campaigns = int(text), visit.campaigns.campaigns
    touched, jobs = campaigns.explain(product)
    now = product_now(visit, product) if visit.query.get("look") else None
    return _page(
        visit,
        text=text,
        product=product,
        touched=touched,
        jobs=jobs,
        now=now,
        looked_at=visit.console.clock(),
        last_seen=touched[0].result.row.seen if touched else {},
        time=campaigns.terms.time,
    )


def _page(visit: Visit, status: int = 200, **facts: Any) -> Response:  # noqa: ANN401 - of the template
    nothing: dict[str, Any] = {"product": None, "touched": [], "jobs": [], "now": None}
    return visit.page("product.html.j2", status, **(nothing | facts))


def product_now(visit: Visit, product: int) -> CustomerProduct:
    """Ask Rev.io by a query that takes no older answer, which costs a call. Raises Refused."""
    query = visit.console.jobs.query(
        ids=[product], account=visit.account, lane=Lane.INTERACTIVE, max_age=0
    )
    try:
        products = query.result(timeout=_PATIENCE_S).customer_products
    except TimeoutError:
        raise Refused("Nobody has answered yet: workers are busy, or none runs.") from None
    if not products:
        raise Refused(f"Rev.io has no product {product} any more.")
    return products[0]
