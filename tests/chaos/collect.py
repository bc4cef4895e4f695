"""How everything that was submitted ended, as another process finds out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from celery import Celery, states

from revio_jobs import RevioJobs, as_completed, errors
from revio_jobs.contracts import DEFAULT_ACCOUNT
from tests.chaos.plan import Plan, key_of
from tests.chaos.records import Records

_POLL_S = 0.5

NEVER = "never heard"


@dataclass
class Endings:
    """By what was submitted, how it ended: an outcome, the class of an error, or NEVER."""

    updates: dict[int, str] = field(default_factory=dict)
    """Accepted updates of all kinds, by number, as their keys tell."""
    raw: dict[int, str] = field(default_factory=dict)
    """Raw updates by number, as Celery's result tells their callers."""
    canvases: dict[int, str] = field(default_factory=dict)
    """The query at a canvas's end, by the canvas's number: "ok" or the class of an error."""
    queries: list[str] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    """Updates that were certainly submitted, and that the ledger does not know."""

    @property
    def accepted(self) -> int:
        """Updates that the ledger must know."""
        return len(self.updates)


def collect(
    jobs: RevioJobs, app: Celery, plan: Plan, records: Records, patience_s: float
) -> Endings:
    """Waits until nothing has ended for `patience_s`: how long all take, the machine decides."""
    endings = Endings()
    canvases = {line["number"]: line["task"] for line in records.canvases if line["task"]}
    raw = {line["number"]: line["task"] for line in records.raw}
    results = _results(app, [*raw.values(), *canvases.values()], patience_s)
    endings.raw = {number: results[task] for number, task in raw.items()}
    endings.canvases = {
        number: results[task].replace("query", "ok") for number, task in canvases.items()
    }
    endings.updates = _updates(jobs, plan, patience_s)
    endings.missing = sorted(records.sent - endings.updates.keys())
    endings.queries = [
        _query(jobs, line["task"], patience_s, line["ids"]) for line in records.queries
    ]
    return endings


def _updates(jobs: RevioJobs, plan: Plan, timeout_s: float) -> dict[int, str]:
    """The others' keys are in their messages, so all updates are found in the same way."""
    handles = {number: jobs.find(DEFAULT_ACCOUNT, key_of(number)) for number in plan.jobs}
    found = {number: handle for number, handle in handles.items() if handle}
    numbers = {id(handle): number for number, handle in found.items()}
    endings = dict.fromkeys(found, NEVER)
    try:
        for handle in as_completed(found.values(), timeout_s):
            try:
                endings[numbers[id(handle)]] = str(handle.result(1).outcome)
            except errors.RevioError as exc:
                endings[numbers[id(handle)]] = type(exc).__name__
    except TimeoutError:
        pass
    return endings


def _query(jobs: RevioJobs, job_id: str, timeout_s: float, ids: Iterable[int]) -> str:
    try:
        result = jobs.query_handle(job_id).result(timeout_s)
    except TimeoutError:
        return NEVER
    except Exception as exc:  # noqa: BLE001 - what its caller would get, whatever it is
        return type(exc).__name__
    read = {product.customer_product_id for product in result.customer_products}
    return "ok" if read == set(ids) else f"read {sorted(read)}"


def _results(app: Celery, tasks: Iterable[str], patience_s: float) -> dict[str, str]:
    endings = dict.fromkeys(tasks, NEVER)
    waiting = set(endings)
    last_ended = time.monotonic()
    while waiting and time.monotonic() < last_ended + patience_s:
        for task in sorted(waiting):
            meta = app.backend.get_task_meta(task)
            if meta["status"] in states.READY_STATES:
                endings[task] = _ending(meta)
                waiting.discard(task)
                last_ended = time.monotonic()
        time.sleep(_POLL_S)
    return endings


def _ending(meta: Mapping[str, Any]) -> str:
    if meta["status"] != states.SUCCESS:
        return type(meta["result"]).__name__
    return str(meta["result"].get("outcome", "query"))
