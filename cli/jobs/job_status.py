"""How far a job has come, as far as its caller can know."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from celery import states
from pydantic import BaseModel
from redis import Redis

from cli.exit_code import ExitCode, code_of
from revio_jobs import JobHandle, QueryResult, UpdateResult, as_completed, results
from revio_jobs.errors import ResultExpired
from revio_jobs.ledger_keys import LedgerKeys
from revio_jobs.results import Ended, ResultStore
from revio_jobs.submission import submitted_before


class State(StrEnum):
    """The word for it in tables and JSON."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    """It ended so long ago that its result has gone."""
    UNKNOWN = "unknown"
    """No such job, a result that has gone, or a query that has not ended and told no progress."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job at one moment."""

    account: str
    job_id: str
    state: State
    result: BaseModel | None = None
    error: BaseException | None = None

    @classmethod
    def of(cls, account: str, job_id: str, ended: Ended) -> Self:
        """Set once the job has ended."""
        if isinstance(ended.value, BaseException):
            state = State.EXPIRED if isinstance(ended.value, ResultExpired) else State.FAILED
            return cls(account, job_id, state, error=ended.value)
        kind = QueryResult if "customer_products" in ended.value else UpdateResult
        return cls(account, job_id, State.DONE, kind.model_validate(ended.value))

    @property
    def exit_code(self) -> ExitCode:
        """What `revio` ends with after it has shown this."""
        if self.state in {State.WAITING, State.RUNNING}:
            return ExitCode.RUNNING
        if self.error is not None:
            return code_of(self.error)
        drifted = isinstance(self.result, UpdateResult) and self.result.outcome == "drifted"
        return ExitCode.FAILED if drifted or self.result is None else ExitCode.OK

    def document(self) -> dict[str, Any]:
        """JSON values; `result` and `error` only where there is one."""
        known: dict[str, Any] = {
            "account": self.account,
            "job_id": self.job_id,
            "state": self.state.value,
        }
        if self.result is not None:
            known["result"] = self.result.model_dump(mode="json")
        if self.error is not None:
            known["error"] = {"type": type(self.error).__name__, "message": str(self.error)}
        return known


class Lookup:
    """Finds jobs that were submitted elsewhere, by their id alone."""

    def __init__(self, redis: Redis, results: ResultStore) -> None:
        self._redis = redis
        self._results = results

    def wait(self, handle: JobHandle[Any], timeout_s: float) -> JobStatus:
        """Until the job ends, the time is over, or Ctrl-C: the job itself goes on then.

        Raises RedisError, and Unavailable when Redis stays away for a minute.
        """
        with suppress(TimeoutError, KeyboardInterrupt):
            for _ in as_completed([handle], timeout_s):
                break
        status = self.status(handle.account, handle.job_id)
        if status.state is State.UNKNOWN and handle.submission == "new" and not handle.done():
            # Nobody notes a query before a worker has it, but we have just submitted this one.
            return replace(status, state=State.WAITING)
        return status

    def handle(self, account: str, job_id: str) -> JobHandle[Any]:
        """To wait with; whether there is such a job does not matter."""
        return JobHandle(submitted_before(account, job_id), self._results)

    def status(self, account: str, job_id: str) -> JobStatus:
        """Raises RedisError."""
        # The ledger first: what it calls ended has its outcome stored, unless that has expired.
        ledger = self._ledger(account, job_id)
        if ended := self._results.fetch([(account, job_id)]).get(job_id):
            return JobStatus.of(account, job_id, ended)
        if how := ledger.get("ended"):
            expired = ResultExpired(job_id, how, int(ledger["at"]) / 1000)
            return JobStatus.of(account, job_id, Ended(expired))
        return JobStatus(account, job_id, self._unended(ledger, job_id))

    def _ledger(self, account: str, job_id: str) -> Mapping[str, str]:
        record = self._redis.hgetall(LedgerKeys(account).record(job_id))
        return {_text(name): _text(value) for name, value in record.items()}

    def _unended(self, ledger: Mapping[str, str], job_id: str) -> State:
        if ledger:
            return State.RUNNING if "token" in ledger else State.WAITING
        match self._results.state(job_id):
            case states.STARTED | results.PROGRESS:
                return State.RUNNING
            case states.RETRY:
                return State.WAITING
            case _:
                return State.UNKNOWN


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
