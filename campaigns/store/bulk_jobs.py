"""Submits a run's jobs to the bulk lane, and collects how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaigns.run.state import Answered
from campaigns.store.access import asking
from revio_jobs import JobHandle, Lane, RevioJobs, UpdateJob
from revio_jobs.contracts import job_id_of
from revio_jobs.errors import ResultExpired, RevioError
from revio_jobs.results import Ended, ResultStore

_OUTCOMES = frozenset({"applied", "superseded", "drifted"})


class BulkJobs:
    """Implements the Jobs port."""

    def __init__(self, jobs: RevioJobs, results: ResultStore) -> None:
        self._jobs = jobs
        self._results = results

    def submit(self, jobs: Sequence[UpdateJob]) -> dict[str, Answered | None]:
        """See the port."""
        with asking():
            handles = self._jobs.submit(jobs, Lane.BULK)
        return {
            str(job.idempotency_key): _submitted(handle)
            for job, handle in zip(jobs, handles, strict=True)
        }

    def answers(self, account: str, keys: Sequence[str]) -> dict[str, Answered]:
        """See the port."""
        by_id = {job_id_of(account, key): key for key in keys}
        with asking():
            ended = self._results.fetch((account, job_id) for job_id in by_id)
        return {by_id[job_id]: _answered(each) for job_id, each in ended.items()}


def _submitted(handle: JobHandle[Any]) -> Answered | None:
    if handle.submission in {"new", "attached"}:
        return None
    try:
        return Answered(handle.result(0).model_dump(mode="json"))
    except ResultExpired as exc:
        # It ended so long ago that only this is remembered.
        if exc.outcome in _OUTCOMES:
            return Answered({"outcome": exc.outcome})
        return Answered(error=exc.outcome, says=str(exc))
    except RevioError as exc:
        return Answered(error=type(exc).__name__, says=str(exc))


def _answered(ended: Ended) -> Answered:
    if isinstance(ended.value, BaseException):
        return Answered(error=type(ended.value).__name__, says=str(ended.value))
    return Answered(ended.value)
