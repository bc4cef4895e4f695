"""A worker's own metrics, in the form of Prometheus."""

from worker.meters.metered_permits import MeteredPermits
from worker.meters.redis_meter import RedisMeter
from worker.meters.worker_metrics import WorkerMetrics

__all__ = ["MeteredPermits", "RedisMeter", "WorkerMetrics"]
