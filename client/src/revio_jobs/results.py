"""Reads how jobs ended, from Celery's result backend and from the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from celery import Celery
from celery.states import PENDING, READY_STATES, REVOKED
from redis import Redis

from revio_jobs.contracts import CustomerProduct
from revio_jobs.errors import IdempotencyConflict, RevioError, Withdrawn, revive
from revio_jobs.pages import Pages, read_pages
from revio_jobs.reservation import LedgerKeys
from revio_jobs.search import SCRIPT, Doubt, JobRef, searches

PROGRESS = "PROGRESS"
"""Celery's state of a query of many calls; its meta is {"done": calls answered, "total": calls}."""

FETCHED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended."""

    value: dict[str, Any] | BaseException

    @property
    def state(self) -> str:
        """Celery's name for it."""
        return "FAILURE" if isinstance(self.value, BaseException) else "SUCCESS"


def read_outcome(outcome: dict[str, Any]) -> Ended:
    """From the ledger's form: {"ok": result} or {"error": {"type": ..., "args": [...]}}."""
    if "ok" in outcome:
        return Ended(outcome["ok"])
    error = outcome["error"]
    return Ended(revive(error["type"], error["args"]))


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at many jobs showed."""

    ended: dict[str, Ended] = field(default_factory=dict)
    """By job id."""
    doubtful: dict[JobRef, Ended] = field(default_factory=dict)
    """Celery did not run the message; a job that the ledger knows goes on all the same."""


class ResultReader:
    """Knows where results are and what they look like; talks to nobody."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def key(self, job_id: str) -> str:
        """Of Celery's result."""
        key = self._app.backend.get_key_for_task(job_id)
        return key.decode() if isinstance(key, bytes) else str(key)

    def keys(self, jobs: Sequence[JobRef]) -> list[str]:
        """The keys whose values `read` needs."""
        # The ledger knows an update's outcome even if the worker died before Celery stored it.
        outcomes = [LedgerKeys(account).outcome(job_id) for account, job_id in jobs]
        return [self.key(job_id) for _, job_id in jobs] + outcomes

    def read(self, jobs: Sequence[JobRef], values: Sequence[Any]) -> Seen:
        """From the values of `keys`."""
        seen = Seen()
        metas, outcomes = values[: len(jobs)], values[len(jobs) :]
        for job, raw, outcome in zip(jobs, metas, outcomes, strict=True):
            if outcome is not None:
                seen.ended[job[1]] = read_outcome(json.loads(outcome))
            elif (meta := self._meta(raw)).get("status") in READY_STATES:
                if meta["status"] == REVOKED:
                    seen.doubtful[job] = Ended(_withdrawn(meta["result"]))
                elif _of_the_machinery(meta["result"]):
                    seen.doubtful[job] = Ended(meta["result"])
                else:
                    seen.ended[job[1]] = Ended(meta["result"])
        return seen

    def state(self, raw: bytes | str | None) -> str:
        """From Celery's result; PENDING also when nothing is known of the task."""
        return str(self._meta(raw).get("status", PENDING))

    def progress(self, raw: bytes | str | None) -> tuple[int, int] | None:
        """From Celery's result: calls answered and calls in all, of a query of many calls."""
        meta = self._meta(raw)
        told = meta["result"] if meta.get("status") == PROGRESS else None
        return (told["done"], told["total"]) if told else None

    def _meta(self, raw: bytes | str | None) -> dict[str, Any]:
        meta: dict[str, Any] = self._app.backend.decode_result(raw) if raw is not None else {}
        return meta


class ResultStore:
    """Looks for many results with few commands."""

    def __init__(
        self, app: Celery, redis: Redis, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = ResultReader(app)
        self._redis = redis
        self._search = redis.register_script(SCRIPT)
        self.clock = clock

    def state(self, job_id: str) -> str:
        """Celery's state of the task; PENDING also when nothing is known of it."""
        return self._reader.state(self._redis.get(self._reader.key(job_id)))

    def progress(self, job_id: str) -> tuple[int, int] | None:
        """Calls answered and calls in all, while a query of many calls is under way."""
        return self._reader.progress(self._redis.get(self._reader.key(job_id)))

    def look(self, jobs: Mapping[JobRef, Doubt]) -> dict[str, Ended]:
        """As `fetch`; those of which there is no sign are searched for when it is time."""
        ended, now = self.fetch(jobs), self.clock()
        pending = {job: doubt for job, doubt in jobs.items() if job[1] not in ended}
        for each in searches(pending, now, self._reader.key):
            answers = self._search(keys=each.keys, args=each.args)
            ended |= {job_id: Ended(error) for job_id, error in each.read(answers, now)}
        return ended

    def fetch(self, jobs: Iterable[JobRef]) -> dict[str, Ended]:
        """Of those (account, job id), the ones that have ended, by job id."""
        pending = list(jobs)
        ended: dict[str, Ended] = {}
        for start in range(0, len(pending), FETCHED_AT_ONCE):
            ended |= self._fetch(pending[start : start + FETCHED_AT_ONCE])
        return ended

    def pages(self, pages: Pages) -> Iterator[tuple[CustomerProduct, ...]]:
        """See read_pages."""
        return read_pages(self._redis, pages)

    def _fetch(self, jobs: list[JobRef]) -> dict[str, Ended]:
        values: list[Any] = self._redis.mget(self._reader.keys(jobs))
        seen = self._reader.read(jobs, values)
        for (account, job_id), ended in seen.doubtful.items():
            if not self._redis.exists(LedgerKeys(account).record(job_id)):
                seen.ended[job_id] = ended
        return seen.ended


def _withdrawn(reason: object) -> Withdrawn:
    why = "it was not to be run so late" if "expired" in str(reason) else "somebody revoked it"
    return Withdrawn(f"{why}; nothing was sent")


def _of_the_machinery(result: object) -> bool:
    """An error of Celery or Redis says what became of a message, not of its job.

    So does a conflict: somebody else's message bore the job's id.
    """
    if isinstance(result, IdempotencyConflict):
        return True
    return isinstance(result, BaseException) and not isinstance(result, RevioError)
