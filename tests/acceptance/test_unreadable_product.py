"""One product's bad record beside many good ones, with a real worker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.dev.stack import Stack, local_stack
from revio_jobs import JobHandle, Lane, QueryJob, RevioJobs, UpdateJob, as_completed
from revio_jobs.errors import RevioError, Unavailable, Unreadable
from tests.patience import PATIENCE_S

QUEUE = "revio.default.bulk"
BAD, GOOD = 5004, (5001, 5002, 5003, 5005, 5006, 5007, 5008, 5009, 5010)
FAST = {
    "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000",
    "REVIO_ACCOUNTS__DEFAULT__EXECUTION_S": "1",
    "REVIO_SWEEP_INTERVAL_S": "1",
    "REVIO_CAMPAIGN_RAIL_BELOW_COST": "off",
    "REVIO_CAMPAIGN_RAIL_CHANGE": "off",
    "REVIO_CAMPAIGN_RAIL_REVENUE": "off",
    "REVIO_CAMPAIGN_RAIL_BILLED": "off",
    "REVIO_CAMPAIGN_RAIL_REPEAT": "off",
}
Revio = Callable[..., Any]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with local_stack(
        workers={"bulk": (QUEUE,)},
        sandbox={"customers": 400, "calls_per_minute": 0},
        environment=FAST,
    ) as running:
        yield running


@pytest.fixture(params=[{"Rate": "1,5"}, {"Description": "AT&T"}], ids=["number", "document"])
def spoilt(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Stack]:
    stack.sandbox.reset()
    stack.sandbox.spoil(BAD, **request.param)
    yield stack
    stack.sandbox.spoil(BAD)


def error_of(handle: JobHandle[Any]) -> RevioError | None:
    try:
        handle.result(0)
    except RevioError as exc:
        return exc
    return None


def test_a_query_names_the_product_and_brings_the_others(spoilt: Stack, jobs: RevioJobs) -> None:
    together, alone = jobs.submit([QueryJob(ids=(BAD, *GOOD)), QueryJob(ids=(BAD,))], Lane.BULK)

    result = together.result(PATIENCE_S)
    assert {product.customer_product_id for product in result.customer_products} == set(GOOD)
    assert [product.customer_product_id for product in result.unreadable] == [BAD]
    assert result.missing_ids == ()
    with pytest.raises(Unreadable, match=str(BAD)):
        alone.result(PATIENCE_S)


def test_an_update_that_must_look_at_it_ends_and_the_others_are_made(
    spoilt: Stack, jobs: RevioJobs
) -> None:
    rates = {id_: spoilt.sandbox.products([id_])[id_]["Rate"] for id_ in (BAD, *GOOD)}
    handles = jobs.submit(
        [UpdateJob(id=id_, code1="new", expected={"rate": rate}) for id_, rate in rates.items()],
        Lane.BULK,
    )
    list(as_completed(handles, timeout=PATIENCE_S))

    with pytest.raises(Unreadable, match=str(BAD)):
        handles[0].result(0)
    assert {handle.result(0).outcome for handle in handles[1:]} == {"applied"}


def test_a_campaign_plans_and_runs_around_it(spoilt: Stack, revio: Revio, tmp_path: Path) -> None:
    products = spoilt.sandbox.products()
    live = [id_ for id_, product in products.items() if product["Status"] == "ACTIVE"][:60]
    assert BAD in live

    def types(*arguments: str, code: int | None = None) -> Any:
        result = revio("campaign", *arguments, "--json", env=spoilt.environment)
        assert code in {None, result.code}, (arguments, result.code, result.out, result.err)
        return json.loads(result.out)

    lines = [f"{id_},{float(products[id_]['Rate'] or 0) + 1:.2f}" for id_ in live]
    (tmp_path / "list.csv").write_text("\n".join(["id,rate", *lines]))
    found = types("plan", "list.csv", "-o", "list.plan", code=1)
    assert [problem.split(":")[0] for problem in found["problems"]] == ["cannot be read"], found

    planned = types("plan", "list.csv", "-o", "list.plan", "--skip-problems", code=2)
    types("approve", "list.plan", "--by", "ann", "--reason", "tested", code=0)
    # Another one is spoilt after the plan: the run ends its row alone.
    late = next(id_ for id_ in live if id_ != BAD)
    spoilt.sandbox.spoil(late, Quantity="1,5")
    types("apply", "list.plan", "--by", "ann", code=0)
    until = time.monotonic() + PATIENCE_S
    while not (seen := types("watch", planned["run"], "--once"))["ended"]:
        assert time.monotonic() < until, seen
        time.sleep(0.2)
    spoilt.sandbox.spoil(late)
    assert seen["counts"] == {"applied": len(live) - 2, "failed": 1}


def test_a_vendor_that_is_deadlocked_for_a_while_is_asked_again_and_not_searched(
    stack: Stack, jobs: RevioJobs
) -> None:
    stack.sandbox.reset()
    stack.sandbox.fault("deadlock", operation="CustomerProducts_Query", rate=1.0)
    handles = jobs.submit([QueryJob(ids=(id_,)) for id_ in range(5001, 5401)], Lane.BULK)
    time.sleep(3)
    stack.sandbox.clear_faults()
    list(as_completed(handles, timeout=PATIENCE_S))

    errors = [error for handle in handles if (error := error_of(handle))]
    assert {type(error) for error in errors} <= {Unavailable}
    assert len(errors) < 40
    assert stack.sandbox.calls()["by_operation"]["CustomerProducts_Query"]["200"] < 150
