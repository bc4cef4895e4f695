"""Submit customer product jobs to the Rev.io worker and collect their results."""

from revio_jobs import errors
from revio_jobs.client import RevioJobs
from revio_jobs.contracts import (
    CustomerProduct,
    Expected,
    Lane,
    QueryJob,
    QueryResult,
    UpdateJob,
    UpdateResult,
)
from revio_jobs.handles import JobHandle, as_completed

__all__ = [
    "CustomerProduct",
    "Expected",
    "JobHandle",
    "Lane",
    "QueryJob",
    "QueryResult",
    "RevioJobs",
    "UpdateJob",
    "UpdateResult",
    "as_completed",
    "errors",
]
