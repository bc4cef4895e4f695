"""For asyncio services: the same as revio_jobs, awaited."""

from revio_jobs.aio.client import AsyncRevioJobs
from revio_jobs.aio.handles import AsyncJobHandle, as_completed

__all__ = ["AsyncJobHandle", "AsyncRevioJobs", "as_completed"]
