"""An in-memory double of Rev.io and its workers, for the tests of services that submit jobs."""

from revio_jobs.testing.clients import InMemoryAsyncRevioJobs, InMemoryRevioJobs
from revio_jobs.testing.revio import InMemoryRevio

__all__ = ["InMemoryAsyncRevioJobs", "InMemoryRevio", "InMemoryRevioJobs"]
