"""Pages of large results in Redis, next to Celery's results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis import Redis

from revio_jobs.pages import pages_key
from worker.redis_kit.scripts import fail_closed

# The result is written after its pages and must not outlive them.
_MARGIN_S = 60
_PUSHED_AT_ONCE = 50


class RedisPages:
    """Implements tasks.query.result_pages.PageStore."""

    def __init__(self, redis: Redis, retention_s: int) -> None:
        self._redis = redis
        self._retention_s = retention_s

    def store(self, account: str, job_id: str, pages: Sequence[bytes]) -> dict[str, Any]:
        key = pages_key(account, job_id)
        with fail_closed("the store of results"), self._redis.pipeline() as pipeline:
            pipeline.delete(key)
            for start in range(0, len(pages), _PUSHED_AT_ONCE):
                pipeline.rpush(key, *pages[start : start + _PUSHED_AT_ONCE])
            pipeline.expire(key, self._retention_s + _MARGIN_S)
            pipeline.execute()
        return {"key": key, "count": len(pages), "encoding": "zlib+json"}
