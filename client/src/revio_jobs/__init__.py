"""Submit customer product jobs to the Rev.io worker and collect their results."""

from importlib import import_module
from typing import TYPE_CHECKING

from revio_jobs.version import __version__

if TYPE_CHECKING:
    from revio_jobs import errors
    from revio_jobs.client import RevioJobs
    from revio_jobs.contracts import (
        CustomerProduct,
        Expected,
        Lane,
        QueryJob,
        QueryResult,
        UnreadableProduct,
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
    "UnreadableProduct",
    "UpdateJob",
    "UpdateResult",
    "__version__",
    "as_completed",
    "errors",
]

# Imported when first used: those who need only the contracts or the errors, as most commands of the
# command line do, need not wait for Celery.
_MODULES = {"RevioJobs": "client", "JobHandle": "handles", "as_completed": "handles"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "errors":
        return import_module("revio_jobs.errors")
    value = getattr(import_module(f"revio_jobs.{_MODULES.get(name, 'contracts')}"), name)
    globals()[name] = value
    return value
