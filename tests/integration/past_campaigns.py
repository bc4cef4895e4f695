"""For tests that share a stack: each finds it without the campaigns of those before."""

from __future__ import annotations

from redis import Redis

from cli.dev.stack import Stack


def forget_campaigns(stack: Stack) -> None:
    """Forget all runs and updates, but not what the vendor's schema can empty."""
    stack.sandbox.reset()
    with Redis.from_url(stack.redis.url) as redis:
        for key in redis.scan_iter("revio:*:campaign*"):
            if not key.endswith(b":clearable"):
                redis.delete(key)
