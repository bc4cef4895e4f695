"""What about Redis needs a person, whatever the account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cli.redis_refusal import write_refusal
from cli.status.concern import Concern
from worker.redis_kit.redis_memory import FULL, MAKE_ROOM, NEARLY_FULL, eviction_fault


def redis_concerns(info: Mapping[str, Any]) -> Iterator[Concern]:
    """`info`: Redis's `INFO`."""
    if refusal := write_refusal(info):
        yield Concern("", "Redis", *refusal)
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if most and used >= most:
        yield Concern("", "Redis", FULL, MAKE_ROOM)
    elif most and used > most * NEARLY_FULL:
        says = (
            f"Redis has used {used / most:.0%} of its maxmemory; when it is full nothing is called"
        )
        yield Concern("", "Redis", says, MAKE_ROOM)
    if fault := eviction_fault(info):
        yield Concern("", "Redis", fault, "CONFIG SET maxmemory-policy noeviction")
