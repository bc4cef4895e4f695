"""The jobs that wrote a product's fields last, as the ledger remembers them."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from campaigns.store.keys import WHAT
from revio_jobs.ledger_keys import LedgerKeys
from worker.redis_kit.reply import text, texts
from worker.redis_kit.scripts import fail_closed

_WROTE = "wrote:"


@dataclass(frozen=True, slots=True)
class LastJob:
    """The job that wrote a field last, as long as the ledger remembers."""

    field: str
    job_id: str
    ended: str


def last_jobs(redis: Redis, account: str, product_id: int) -> list[LastJob]:
    """One a field that was written within the ledger's memory."""
    keys = LedgerKeys(account)
    with fail_closed(WHAT):
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
