"""Submits a run's jobs to the bulk lane, and collects how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaigns.run.ports import JobEnd
from campaigns.store.keys import WHAT
from revio_jobs import JobHandle, Lane, RevioJobs, UpdateJob
from revio_jobs.contracts import job_id_of
from revio_jobs.errors import ResultExpired, RevioError
from revio_jobs.results import Ended, ResultStore
from worker.redis_kit.scripts import fail_closed

_OUTCOMES = frozenset({"applied", "superseded", "drifted"})


class BulkJobs:
    """Implements the Jobs port."""

    def __init__(self, jobs: RevioJobs, results: ResultStore) -> None:
        self._jobs = jobs
        self._results = results

    def submit(self, jobs: Sequence[UpdateJob]) -> dict[str, JobEnd | None]:
        """See the port."""
        with fail_closed(WHAT):
            handles = self._jobs.submit(jobs, Lane.BULK)
        return {
            str(job.idempotency_key): _submitted(handle)
            for job, handle in zip(jobs, handles, strict=True)
        }

    def answers(self, account: str, keys: Sequence[str]) -> dict[str, JobEnd]:
        """See the port."""
        by_id = {job_id_of(account, key): key for key in keys}
        with fail_closed(WHAT):
            ended = self._results.fetch((account, job_id) for job_id in by_id)
        return {by_id[job_id]: _answered(outcome) for job_id, outcome in ended.items()}


def _submitted(handle: JobHandle[Any]) -> JobEnd | None:
    if handle.submission in {"new", "attached"}:
        return None
    try:
        return JobEnd(handle.result(0).model_dump(mode="json"))
    except ResultExpired as exc:
        # It ended so long ago that only this is remembered.
        if exc.outcome in _OUTCOMES:
            return JobEnd({"outcome": exc.outcome})
        return JobEnd(error=exc.outcome, says=str(exc))
    except RevioError as exc:
        return JobEnd(error=type(exc).__name__, says=str(exc))


def _answered(ended: Ended) -> JobEnd:
    if isinstance(ended.value, BaseException):
        return JobEnd(error=type(ended.value).__name__, says=str(ended.value))
    return JobEnd(ended.value)
