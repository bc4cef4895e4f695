"""An account's workers, and Redis under them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cli.exporter.family import Family, Sample
from cli.redis_refusal import write_refusal
from cli.status.account_status import AccountStatus
from revio_jobs import Lane
from revio_jobs.version import __version__
from worker.redis_kit.redis_memory import eviction_fault

WORKERS = Family(
    "revio_workers", "Workers of the lane that have reported lately.", ("account", "lane")
)
VERSIONS = Family(
    "revio_workers_by_version",
    "Workers of the account that have reported lately, by release.",
    ("account", "version"),
)
DIFFER = Family(
    "revio_worker_settings_differ",
    "The account's limits that a worker has otherwise than the exporter, over all workers.",
    ("account",),
)
CLOCKS = Family(
    "revio_worker_clocks_off",
    "Workers whose clocks are more than 2 seconds off Redis's.",
    ("account",),
)
BUILD = Family("revio_exporter_build_info", "1; the label is the exporter's release.", ("version",))
REDIS_UP = Family(
    "revio_redis_up", "1 if Redis answered this scrape; without it nothing below is there."
)
REDIS_USED = Family("revio_redis_memory_used_bytes", "Memory that Redis uses.")
REDIS_MOST = Family(
    "revio_redis_memory_max_bytes", "Redis's maxmemory: it refuses to write beyond; 0 for none."
)
REDIS_EVICTS = Family(
    "revio_redis_evicts", "1 if Redis would drop jobs when its memory runs short."
)
REDIS_REFUSES = Family(
    "revio_redis_refuses_writes",
    "1 while Redis is a replica, or could not save and therefore takes no writes.",
)

FAMILIES = (
    BUILD,
    REDIS_UP,
    REDIS_USED,
    REDIS_MOST,
    REDIS_EVICTS,
    REDIS_REFUSES,
    WORKERS,
    VERSIONS,
    DIFFER,
    CLOCKS,
)


def worker_samples(status: AccountStatus) -> Iterator[Sample]:
    """Samples of one account."""
    for lane in Lane:
        serving = sum(lane in worker.lanes for worker in status.workers)
        yield WORKERS.sample(serving, status.account, lane.value)
    versions = Counter(worker.version or "unknown" for worker in status.workers)
    for version, count in versions.items():
        yield VERSIONS.sample(count, status.account, version)
    yield DIFFER.sample(len(status.drift), status.account)
    yield CLOCKS.sample(len(status.clock_offsets_s), status.account)


def redis_samples(info: Mapping[str, Any]) -> Iterator[Sample]:
    """`info`: Redis's `INFO`."""
    yield REDIS_USED.sample(info["used_memory"])
    yield REDIS_MOST.sample(info.get("maxmemory", 0))
    yield REDIS_EVICTS.sample(eviction_fault(info) is not None)
    yield REDIS_REFUSES.sample(write_refusal(info) is not None)


def build_sample() -> Sample:
    """Samples of this process."""
    return BUILD.sample(1, __version__)
