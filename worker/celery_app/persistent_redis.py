"""The client of Celery's results: what Redis does not answer is offered again for a while.

Celery takes an error of Redis, while it joins the results of a chord's header, for the failure of
the chord: its body never runs, and its caller hears ChordError.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from redis.client import Pipeline
from redis.exceptions import RedisError

from revio_jobs.redis_faults import is_passing
from worker.redis_kit.auto_pipeline import AutoPipeline, DroppingPipeline

T = TypeVar("T")

PUBLISH_RETRIES = {
    "max_retries": 40,
    "interval_start": 0.1,
    "interval_step": 0.1,
    "interval_max": 0.5,
}
"""Celery's setting `task_publish_retry_policy`: for 20 s, as below."""

_OFFERED_S = 20.0
_PAUSE_S = 0.2


class PersistentRedis(AutoPipeline):
    """Its commands must have the same effect when Redis has carried them out before."""

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as Redis's
        """As Redis's, for 20 s."""
        return _persistently(lambda: super(PersistentRedis, self).execute_command(*args, **options))

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:  # noqa: ANN401, FBT001, FBT002 - as Redis's
        """As Redis's, for 20 s."""
        return _PersistentPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )


class _PersistentPipeline(DroppingPipeline):
    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - as Redis's
        commands = list(self.command_stack)

        def once() -> list[Any]:
            self.command_stack = list(commands)
            return super(_PersistentPipeline, self).execute(raise_on_error)

        return _persistently(once)


def _persistently(call: Callable[[], T]) -> T:
    gives_up = time.monotonic() + _OFFERED_S
    while True:
        try:
            return call()
        except RedisError as exc:
            if not is_passing(exc) or time.monotonic() > gives_up:
                raise
        time.sleep(_PAUSE_S)
