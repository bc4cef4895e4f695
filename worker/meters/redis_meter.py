"""How many exchanges with Redis the scripts of a worker's threads share."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.redis_kit.auto_pipeline import AutoPipeline


class RedisMeter(Collector):
    """Reads the counts that the client keeps anyway."""

    def __init__(self, redis: AutoPipeline) -> None:
        self._redis = redis

    def collect(self) -> Iterator[Metric]:
        """Both count ledger, limiter and results; the queues have other connections."""
        yield CounterMetricFamily(
            "revio_redis_exchanges",
            "Round trips to Redis that carried scripts.",
            value=self._redis.exchanges,
        )
        yield CounterMetricFamily(
            "revio_redis_scripts", "Scripts that they carried.", value=self._redis.scripts_sent
        )
