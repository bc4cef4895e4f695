"""Why a Redis that answers refuses us, and why it takes no writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from worker.redis_kit.refusal_log import CHECK_ITS_DISK, GIVE_RIGHTS

_SAVES = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
_NEEDED_SAVES = frozenset({"aof_last_write_status", "rdb_last_bgsave_status"})

GIVE_LOGIN = "put the password into REVIO_REDIS_URL: redis://:password@host:port/0"


def way_out(error: RedisError) -> str | None:
    """What to do about the answer of a Redis that runs; None if it may be something else."""
    if isinstance(error, NoPermissionError):
        return GIVE_RIGHTS
    if isinstance(error, AuthenticationError) or "NOAUTH" in str(error):
        return GIVE_LOGIN
    return CHECK_ITS_DISK if "MISCONF" in str(error) else None


def failed_saves(info: Mapping[str, Any]) -> list[str]:
    """The fields of Redis's `INFO` by which it could not write to its disk last time."""
    return [name for name in _SAVES if info.get(name, "ok") != "ok"]


def write_refusal(info: Mapping[str, Any]) -> tuple[str, str] | None:
    """What keeps it from writing by its `INFO`, and what to do about it; None if nothing does.

    A full Redis refuses only what takes memory, and is told of elsewhere.
    """
    if (role := info.get("role", "master")) != "master":
        return f"Redis is a {role}, which takes no writes", "name the primary in REVIO_REDIS_URL"
    if failed := [name for name in failed_saves(info) if name in _NEEDED_SAVES]:
        says = f"Redis could not save ({', '.join(failed)}), and by default refuses to write then"
        return says, CHECK_ITS_DISK
    return None
