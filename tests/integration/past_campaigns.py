"""For tests that share a stack: each finds it without the campaigns of those before."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from redis import Redis

from campaigns.errors import NotAllowedError
from campaigns.run.state import Status
from campaigns.store import OperatorStore
from cli.dev.stack import Stack
from tests.patience import wait_until


def forget_campaigns(stack: Stack) -> None:
    """Forget all runs and updates, but not what the vendor's schema can empty."""
    with Redis.from_url(stack.redis.url) as redis:
        for active in redis.scan_iter("revio:*:campaigns:active"):
            _end_runs(redis, active)
        stack.sandbox.reset()
        for key in redis.scan_iter("revio:*:campaign*"):
            if not key.endswith(b":clearable"):
                redis.delete(key)


def _end_runs(redis: Redis, active: bytes) -> None:
    """A run that a test has left would go on changing the products of the next one."""
    store = OperatorStore(redis, active.decode().split(":")[1], keep_s=60)
    for run in redis.smembers(active):
        with suppress(NotAllowedError):  # it has ended
            store.decide(
                run.decode(),
                "cancel",
                by="the tests",
                reason="the next one begins",
                possible=(Status.RUNNING, Status.PAUSED, Status.HALTED),
                status=Status.CANCELLED,
            )
    wait_until(partial(_is_gone, redis, active))


def _is_gone(redis: Redis, key: bytes) -> bool:
    return not redis.exists(key)
