"""All metrics of the fleet at one moment, read from Redis at each scrape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from cli.answer import complain
from cli.exporter import call_metrics, job_metrics, run_metrics, worker_metrics
from cli.exporter.family import Sample, metrics_of
from cli.exporter.standstill import Standstills
from cli.status.reading import read_account
from cli.stray_queues import UntakenQueues
from revio_jobs.errors import Unavailable
from settings import Settings

_QUEUES_EVERY_S = 300.0

FAMILIES = (
    *worker_metrics.FAMILIES,
    *call_metrics.FAMILIES,
    *job_metrics.FAMILIES,
    *run_metrics.FAMILIES,
)
"""Every metric that there can be."""


class FleetCollector(Collector):
    """Reads Redis at each scrape, and never writes to it."""

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        tell: Callable[[str], object] = complain,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`tell` hears why Redis cannot be read, when that changes."""
        self._tell = tell
        self._said = "Redis answers"
        self._settings = settings
        self._redis = redis
        self._standstills = Standstills(redis, clock)
        self._queues = UntakenQueues(redis, settings.accounts, _QUEUES_EVERY_S)

    def describe(self) -> list[Metric]:
        """Empty: registering a collector must not scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """If Redis does not answer, that alone is said: half a picture would mislead."""
        try:
            samples = list(self._samples())
        except (RedisError, Unavailable) as exc:
            samples = [worker_metrics.REDIS_UP.sample(0)]
            self._say(f"Redis: {exc}")
        else:
            self._say("Redis answers")
        return metrics_of([worker_metrics.build_sample(), *samples])

    def _say(self, says: str) -> None:
        """Where Redis refuses us, the metrics do not say why."""
        if says != self._said:
            self._said = says
            self._tell(says)

    def _samples(self) -> Iterator[Sample]:
        info: Any = self._redis.info()
        yield worker_metrics.REDIS_UP.sample(1)
        yield from worker_metrics.redis_samples(info)
        yield from job_metrics.queue_samples(self._queues.read())
        for account in self._settings.accounts:
            yield from self._of_account(account)

    def _of_account(self, account: str) -> Iterator[Sample]:
        status = read_account(self._settings, self._redis, account)
        yield from worker_metrics.worker_samples(status)
        yield from call_metrics.call_samples(status.limits)
        yield from job_metrics.job_samples(status)
        yield from job_metrics.standstill_samples(account, self._standstills)
        ids_per_call = self._settings.accounts[account].ids_per_call
        yield from run_metrics.run_samples(status, ids_per_call)
