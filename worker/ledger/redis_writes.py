"""When updates last changed products: tells whether a cached answer about them is stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redis import Redis

from revio_jobs.ledger_keys import LedgerKeys
from worker.redis_kit.scripts import fail_closed


class RedisWrites:
    """When updates last changed products, by Redis's clock; settling an update records it.

    Implements the answer cache's Writes port.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def now(self) -> int:
        """Redis's clock in milliseconds. Raises Unavailable."""
        with fail_closed("the ledger"):
            seconds, micros = self._redis.time()
        return seconds * 1000 + micros // 1000

    def last(self, account: str, products: Iterable[int]) -> Mapping[int, int]:
        """When each product was last changed, in milliseconds by `now`'s clock.

        Products without a recorded change are left out. Raises Unavailable.
        """
        ids, keys = list(products), LedgerKeys(account)
        with fail_closed("the ledger"), self._redis.pipeline(transaction=False) as pipeline:
            for product in ids:
                pipeline.hget(keys.product(product), "written")
            stamps = pipeline.execute()
        return {product: int(at) for product, at in zip(ids, stamps, strict=True) if at is not None}
