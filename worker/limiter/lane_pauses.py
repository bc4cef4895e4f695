"""Lanes that an operator has paused. A pause outlives restarts and ends when somebody resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from revio_jobs.contracts import Lane
from worker.limiter.port import AccountLane
from worker.redis_kit.scripts import fail_closed, load_script


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a lane is paused, and by whom."""

    reason: str
    by: str
    since: datetime
    """Aware, UTC."""

    @property
    def digest(self) -> str:
        """Of its reason, to which others may add."""
        return hashlib.sha1(self.reason.encode(), usedforsecurity=False).hexdigest()


class LanePauses:
    """The paused lanes in Redis. Every method raises Unavailable if Redis cannot be asked."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def pause(self, account: str, lane: Lane, pause: Pause) -> bool:
        """Pause the lane; within about a second no worker takes jobs from it.

        A pause that stands gets this reason besides, so that nobody resumes without having read
        both. Returns False if it gave this reason already.
        """
        added = f"; {pause.by} adds: {pause.reason}"
        with fail_closed("the paused lanes"):
            return bool(
                load_script(self._redis, "worker.limiter", "pause_lane")(
                    keys=[_key(account, lane)], args=[_stored(pause), added]
                )
            )

    def pause_if_open(self, account: str, lane: Lane, pause: Pause) -> bool:
        """Pause the lane unless it is paused; False if it was."""
        with fail_closed("the paused lanes"):
            return bool(self._redis.set(_key(account, lane), _stored(pause), nx=True))

    def resume(self, account: str, lane: Lane) -> Pause | None:
        """Resume the lane. Returns the pause that this ended; None if it was not paused."""
        with fail_closed("the paused lanes"):
            stored = self._redis.getdel(_key(account, lane))
        return _pause(stored) if isinstance(stored, bytes | str) else None

    def resume_as_read(self, account: str, lane: Lane, digest: str) -> bool:
        """Resume the lane for somebody who has read the pause with this `Pause.digest`.

        "": the lane was not paused. Returns False, and leaves the pause, if it gives another reason
        by now, which nobody has read.
        """
        with fail_closed("the paused lanes"):
            return bool(
                load_script(self._redis, "worker.limiter", "resume_lane")(
                    keys=[_key(account, lane)], args=[digest]
                )
            )

    def get(self, account: str, lane: Lane) -> Pause | None:
        """The lane's pause, or None if it is not paused."""
        with fail_closed("the paused lanes"):
            stored = self._redis.get(_key(account, lane))
        return _pause(stored) if stored else None

    def among(self, lanes: Sequence[AccountLane]) -> dict[AccountLane, Pause]:
        """The pauses of those lanes that are paused, in one exchange."""
        if not lanes:
            return {}
        with fail_closed("the paused lanes"):
            stored = self._redis.mget([_key(*lane) for lane in lanes])
        return {lane: _pause(text) for lane, text in zip(lanes, stored, strict=True) if text}


def _pause(stored: bytes | str) -> Pause:
    fields = json.loads(stored)
    return Pause(fields["reason"], fields["by"], datetime.fromisoformat(fields["since"]))


def _stored(pause: Pause) -> str:
    return json.dumps({"reason": pause.reason, "by": pause.by, "since": pause.since.isoformat()})


def _key(account: str, lane: Lane) -> str:
    return f"revio:{account}:hold:{lane.value}"
