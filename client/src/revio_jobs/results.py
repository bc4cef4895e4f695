"""Reads how jobs ended, from Celery's result backend and from the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from celery import Celery
from celery.states import PENDING, READY_STATES, REVOKED
from redis import Redis

from revio_jobs.contracts import CustomerProduct
from revio_jobs.errors import IdempotencyConflict, RevioError, Withdrawn, revive
from revio_jobs.existence_probe import SCRIPT, ExistenceProbe, JobRef, due_probes
from revio_jobs.key_prefix import KeyPrefix, key_prefix_of
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.pages import Pages, read_pages

PROGRESS = "PROGRESS"
"""Celery's state of a query of many calls; its meta is {"done": calls answered, "total": calls}."""

FETCH_SIZE = 500


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
class Endings:
    """What is known of how jobs ended."""

    certain: dict[str, Ended] = field(default_factory=dict)
    """By job id."""
    unless_in_ledger: dict[JobRef, Ended] = field(default_factory=dict)
    """Celery did not run the message; a job that the ledger knows goes on all the same."""


class ResultReader:
    """Knows where results are and what they look like. No I/O."""

    def __init__(self, app: Celery, prefix: KeyPrefix) -> None:
        """`prefix`: what the connections put before keys, and Celery before those it names."""
        self._app = app
        self._prefix = prefix

    def key(self, job_id: str) -> str:
        """The key of Celery's result."""
        key = self._app.backend.get_key_for_task(job_id)
        return self._prefix.strip(key.decode() if isinstance(key, bytes) else str(key))

    def keys(self, jobs: Sequence[JobRef]) -> list[str]:
        """The keys whose values `read` needs."""
        # The ledger knows an update's outcome even if the worker died before Celery stored it.
        outcomes = [LedgerKeys(account).outcome(job_id) for account, job_id in jobs]
        return [self.key(job_id) for _, job_id in jobs] + outcomes

    def read(self, jobs: Sequence[JobRef], values: Sequence[Any]) -> Endings:
        """From the values of `keys`."""
        endings = Endings()
        metas, outcomes = values[: len(jobs)], values[len(jobs) :]
        for job, raw, outcome in zip(jobs, metas, outcomes, strict=True):
            if outcome is not None:
                endings.certain[job[1]] = read_outcome(json.loads(outcome))
            elif (meta := self._meta(raw)).get("status") in READY_STATES:
                if meta["status"] == REVOKED:
                    endings.unless_in_ledger[job] = Ended(_withdrawn(meta["result"]))
                elif _is_about_the_message(meta["result"]):
                    endings.unless_in_ledger[job] = Ended(meta["result"])
                else:
                    endings.certain[job[1]] = Ended(meta["result"])
        return endings

    def state(self, raw: bytes | str | None) -> str:
        """From Celery's result; PENDING also when nothing is known of the task."""
        return str(self._meta(raw).get("status", PENDING))

    def progress(self, raw: bytes | str | None) -> tuple[int, int] | None:
        """From Celery's result: calls answered and calls in all, of a query of many calls."""
        meta = self._meta(raw)
        progress = meta["result"] if meta.get("status") == PROGRESS else None
        return (progress["done"], progress["total"]) if progress else None

    def _meta(self, raw: bytes | str | None) -> dict[str, Any]:
        meta: dict[str, Any] = self._app.backend.decode_result(raw) if raw is not None else {}
        return meta


class Results(Protocol):
    """Where RevioJobs reads how its jobs ended."""

    clock: Callable[[], float]
    """Seconds."""

    def state(self, job_id: str) -> str:
        """Celery's state of the task; PENDING also when nothing is known of it."""

    def progress(self, job_id: str) -> tuple[int, int] | None:
        """Calls answered and calls in all, while a query of many calls is under way."""

    def poll(self, jobs: Mapping[JobRef, ExistenceProbe]) -> dict[str, Ended]:
        """The ends of those jobs that have ended, by job id."""

    def pages(self, pages: Pages) -> Iterator[tuple[CustomerProduct, ...]]:
        """The products page by page. Raises LookupError when the pages have expired."""


class ResultStore:
    """Reads many results with few commands. Its methods raise RedisError."""

    def __init__(
        self, app: Celery, redis: Redis, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = ResultReader(app, key_prefix_of(redis.connection_pool))
        self._redis = redis
        self._probe = redis.register_script(SCRIPT)
        self.clock = clock

    def state(self, job_id: str) -> str:
        """Celery's state of the task; PENDING also when nothing is known of it."""
        return self._reader.state(self._redis.get(self._reader.key(job_id)))

    def progress(self, job_id: str) -> tuple[int, int] | None:
        """Calls answered and calls in all, while a query of many calls is under way."""
        return self._reader.progress(self._redis.get(self._reader.key(job_id)))

    def poll(self, jobs: Mapping[JobRef, ExistenceProbe]) -> dict[str, Ended]:
        """As `fetch`; also probes whether the jobs exist that have no result, when it is due."""
        ended, now = self.fetch(jobs), self.clock()
        pending = {job: probe for job, probe in jobs.items() if job[1] not in ended}
        for call in due_probes(pending, now, self._reader.key):
            answers = self._probe(keys=call.keys, args=call.args)
            ended |= {job_id: Ended(error) for job_id, error in call.read(answers, now)}
        return ended

    def fetch(self, jobs: Iterable[JobRef]) -> dict[str, Ended]:
        """The ends of those jobs (account, job id) that have ended, by job id."""
        pending = list(jobs)
        ended: dict[str, Ended] = {}
        for start in range(0, len(pending), FETCH_SIZE):
            ended |= self._fetch(pending[start : start + FETCH_SIZE])
        return ended

    def pages(self, pages: Pages) -> Iterator[tuple[CustomerProduct, ...]]:
        """See read_pages."""
        return read_pages(self._redis, pages)

    def _fetch(self, jobs: list[JobRef]) -> dict[str, Ended]:
        values: list[Any] = self._redis.mget(self._reader.keys(jobs))
        endings = self._reader.read(jobs, values)
        for (account, job_id), ended in endings.unless_in_ledger.items():
            if not self._redis.exists(LedgerKeys(account).record(job_id)):
                endings.certain[job_id] = ended
        return endings.certain


def _withdrawn(reason: object) -> Withdrawn:
    why = "it was not to be run so late" if "expired" in str(reason) else "somebody revoked it"
    return Withdrawn(f"{why}; nothing was sent")


def _is_about_the_message(result: object) -> bool:
    """An error of Celery or Redis says what became of a message, not of its job.

    So does a conflict: somebody else's message bore the job's id.
    """
    if isinstance(result, IdempotencyConflict):
        return True
    return isinstance(result, BaseException) and not isinstance(result, RevioError)
