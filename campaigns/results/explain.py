"""Who has changed a product: every campaign's row, and the jobs that wrote its fields last."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from campaigns.results.row_results import RowResult
from campaigns.run.state import RunSpec
from campaigns.store import Desk
from campaigns.store.access import asking, text, texts
from campaigns.store.keys import ROWS_PER_CHUNK
from revio_jobs.reservation import LedgerKeys

_RUNS = 1000
_WROTE = "wrote:"


@dataclass(frozen=True, slots=True)
class Touched:
    """A row of a campaign that meant the product."""

    spec: RunSpec
    result: RowResult


@dataclass(frozen=True, slots=True)
class LastJob:
    """The job that wrote a field last, as long as the ledger remembers."""

    field: str
    job_id: str
    ended: str


def campaigns_of(desk: Desk, product_id: int) -> list[Touched]:
    """The newest run first."""
    found = []
    for run in desk.runs(_RUNS):
        keys = desk.keys(run)
        for index in desk.chunks.positions(keys, product_id):
            spec = desk.view(run).state.spec
            row = desk.chunks.rows(keys, [index])[index]
            outcome, at = desk.outcomes(run, index // ROWS_PER_CHUNK).get(index, ("", 0))
            detail = desk.details(run, [index]).get(index, {})
            found.append(Touched(spec, RowResult(row, outcome, at, detail)))
    return found


def last_jobs(redis: Redis, account: str, product_id: int) -> list[LastJob]:
    """One a field that was written within the ledger's memory."""
    keys = LedgerKeys(account)
    with asking():
        product = texts(redis.hgetall(keys.product(product_id)))
        wrote = {
            name.removeprefix(_WROTE): value.partition(":")[2]
            for name, value in product.items()
            if name.startswith(_WROTE)
        }
        ends = {job: redis.hget(keys.record(job), "ended") for job in wrote.values()}
    return [
        LastJob(name, job, text(ends[job]) if ends[job] else "forgotten")
        for name, job in wrote.items()
    ]
