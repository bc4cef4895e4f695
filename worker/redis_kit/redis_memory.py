"""What is wrong with Redis's memory: full, or set to drop jobs and keys when it runs short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FULL = "Redis is full: it has reached its maxmemory and refuses to write"
"""What operators have to do; it loses nothing."""

MAKE_ROOM = (
    "give it more (maxmemory in redis.conf, or CONFIG SET maxmemory), or keep keys and results "
    "for a shorter time; docs/redis.md tells what takes how much"
)

NEARLY_FULL = 0.9
"""Part of its maxmemory beyond which somebody should make room."""

_SAFE = "noeviction"


def eviction_fault(memory: Mapping[str, Any]) -> str | None:
    """What is wrong, from Redis's `INFO memory`, and how to fix it, in one line."""
    policy = memory.get("maxmemory_policy", _SAFE)
    if policy == _SAFE:
        return None
    return (
        f"Redis's maxmemory-policy is {policy}: it would drop jobs and idempotency keys when its "
        f"memory runs short. Set `maxmemory-policy {_SAFE}`; no job is run before that"
    )


def is_full(error: BaseException) -> bool:
    """Whether Redis has refused to write because it is out of memory.

    A script's refusal has no error class; the error raised from it quotes it.
    """
    return "used memory > 'maxmemory'" in str(error)
