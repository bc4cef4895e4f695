"""How many dead letters are kept, by the class of their error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from redis import Redis

from revio_jobs.ledger_keys import LedgerKeys
from worker.redis_kit.scripts import load_script

_AT_ONCE = 200


class DeadLetterCounter:
    """Counts one account's dead letters, in small commands however many there are."""

    def __init__(self, redis: Redis, account: str) -> None:
        self._redis = redis
        self._keys = LedgerKeys(account)
        self._count = load_script(redis, "worker.ledger", "count_dead")

    def count(self) -> Mapping[str, int]:
        """Letters by error class, the most frequent first. Raises RedisError."""
        is_whole, *counted = self._count(keys=[self._keys.dead])
        if not is_whole:
            return self._by_reading()
        counts = Counter(dict(zip(map(_text, counted[::2]), counted[1::2], strict=True)))
        return dict((+counts).most_common())

    def _by_reading(self) -> dict[str, int]:
        """Count letter by letter, while some are from a release without sets by error."""
        ids: list[Any] = self._redis.zrange(self._keys.dead, 0, -1)
        counts: Counter[str] = Counter()
        for start in range(0, len(ids), _AT_ONCE):
            with self._redis.pipeline(transaction=False) as pipeline:
                for job_id in ids[start:][:_AT_ONCE]:
                    pipeline.hget(self._keys.dead_letter(_text(job_id)), "how")
                counts.update(_text(error) for error in pipeline.execute() if error)
        return dict(counts.most_common())


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
