"""Reads how jobs ended, from Celery's result backend and from the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from celery import Celery
from celery.states import PENDING, READY_STATES
from redis import Redis

from revio_jobs.errors import RevioError, revive
from revio_jobs.reservation import LedgerKeys

PROGRESS = "PROGRESS"
"""Celery's state of a query of many calls; its meta is {"done": calls answered, "total": calls}."""

_FETCHED_AT_ONCE = 500


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


class ResultStore:
    """Looks for many results with few commands."""

    def __init__(self, app: Celery, redis: Redis) -> None:
        self._app = app
        self._redis = redis

    def state(self, job_id: str) -> str:
        """Celery's state of the task; PENDING also when nothing is known of it."""
        return str(self._meta(self._redis.get(self._result_key(job_id))).get("status", PENDING))

    def fetch(self, jobs: Iterable[tuple[str, str]]) -> dict[str, Ended]:
        """Of those (account, job id), the ones that have ended, by job id."""
        pending = list(jobs)
        ended: dict[str, Ended] = {}
        for start in range(0, len(pending), _FETCHED_AT_ONCE):
            ended |= self._fetch(pending[start : start + _FETCHED_AT_ONCE])
        return ended

    def _fetch(self, jobs: list[tuple[str, str]]) -> dict[str, Ended]:
        # The ledger knows an update's outcome even if the worker died before Celery stored it.
        keys = [self._result_key(job_id) for _, job_id in jobs]
        keys += [LedgerKeys(account).outcome(job_id) for account, job_id in jobs]
        values: list[Any] = self._redis.mget(keys)
        metas, outcomes = values[: len(jobs)], values[len(jobs) :]
        ended = {}
        for (account, job_id), raw, outcome in zip(jobs, metas, outcomes, strict=True):
            if outcome is not None:
                ended[job_id] = read_outcome(json.loads(outcome))
            elif (meta := self._meta(raw)).get("status") in READY_STATES and not (
                _of_the_machinery(meta["result"]) and self._goes_on(account, job_id)
            ):
                ended[job_id] = Ended(meta["result"])
        return ended

    def _goes_on(self, account: str, job_id: str) -> bool:
        """The ledger brings every job that it knows to its end."""
        return bool(self._redis.exists(LedgerKeys(account).record(job_id)))

    def _meta(self, raw: bytes | str | None) -> dict[str, Any]:
        meta: dict[str, Any] = self._app.backend.decode_result(raw) if raw is not None else {}
        return meta

    def _result_key(self, job_id: str) -> str:
        key = self._app.backend.get_key_for_task(job_id)
        return key.decode() if isinstance(key, bytes) else str(key)


def _of_the_machinery(result: object) -> bool:
    """An error of Celery or Redis says what became of a message, not of its job."""
    return isinstance(result, BaseException) and not isinstance(result, RevioError)
