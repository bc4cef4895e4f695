"""When updates last changed products: the settling of their outcomes notes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redis import Redis

from revio_jobs.reservation import LedgerKeys
from worker.redis_kit.scripts import fail_closed


class RedisWrites:
    """Implements tasks.answers.Writes, by Redis's clock."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def now(self) -> int:
        with fail_closed("the ledger"):
            seconds, micros = self._redis.time()
        return seconds * 1000 + micros // 1000

    def last(self, account: str, products: Iterable[int]) -> Mapping[int, int]:
        asked, keys = list(products), LedgerKeys(account)
        with fail_closed("the ledger"), self._redis.pipeline(transaction=False) as pipeline:
            for product in asked:
                pipeline.hget(keys.product(product), "written")
            told = pipeline.execute()
        return {product: int(at) for product, at in zip(asked, told, strict=True) if at is not None}
