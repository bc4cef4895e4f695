"""Which of many keys exist, at the cost of one command if none does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from redis import Redis

_PARTS = 8


def existing(redis: Redis, keys: Iterable[str]) -> set[str]:
    """Those of the keys that exist.

    Keys are counted in groups: a group without any is dropped at once, a mixed one is divided.

    Raises RedisError.
    """
    found: set[str] = set()
    groups = [group] if (group := list(keys)) else []
    while groups:
        with redis.pipeline(transaction=False) as pipeline:
            for group in groups:
                pipeline.exists(*group)
            counts = pipeline.execute()
        counted = list(zip(groups, counts, strict=True))
        found.update(key for group, count in counted if count == len(group) for key in group)
        mixed = [group for group, count in counted if 0 < count < len(group)]
        groups = [part for group in mixed for part in _divided(group)]
    return found


def _divided(group: list[str]) -> Iterator[list[str]]:
    size = -(-len(group) // _PARTS)
    return (group[start : start + size] for start in range(0, len(group), size))
