"""What an operator holds: a lane that is paused until somebody resumes it, whatever restarts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from revio_jobs.contracts import Lane
from worker.redis_kit.scripts import fail_closed


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a lane is paused."""

    reason: str
    by: str
    since: datetime
    """Aware, UTC."""


class Gates:
    """The lanes' holds in Redis. Raises Unavailable when it cannot be asked."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def hold(self, account: str, lane: Lane, hold: Hold) -> None:
        """No worker takes jobs from the lane from about a second from now."""
        fields = {"reason": hold.reason, "by": hold.by, "since": hold.since.isoformat()}
        with fail_closed("the lanes' gates"):
            self._redis.set(_key(account, lane), json.dumps(fields))

    def resume(self, account: str, lane: Lane) -> bool:
        """False: the lane was not held."""
        with fail_closed("the lanes' gates"):
            return bool(self._redis.delete(_key(account, lane)))

    def held(self, account: str, lane: Lane) -> Hold | None:
        """The lane's hold, if it has one."""
        with fail_closed("the lanes' gates"):
            found = self._redis.get(_key(account, lane))
        if not found:
            return None
        fields = json.loads(found)
        return Hold(fields["reason"], fields["by"], datetime.fromisoformat(fields["since"]))


def _key(account: str, lane: Lane) -> str:
    return f"revio:{account}:hold:{lane.value}"
