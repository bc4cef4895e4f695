"""The client of kombu's channels, with the installation's prefix before its keys.

kombu has its own client for that, which knows only the few commands that kombu itself sends.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from kombu.transport.redis import PrefixedRedisPubSub
from redis.client import Pipeline

from revio_jobs.key_prefix import KeyPrefix
from worker.redis_kit.auto_pipeline import AutoPipeline, DroppingPipeline


def client_of(prefix: KeyPrefix) -> Any:  # noqa: ANN401 - a class, or what stands for one
    """Creates a channel's client, with AutoPipeline's parameters."""
    return partial(_PrefixedClient, key_prefix=prefix) if prefix.text else AutoPipeline


class _PrefixedClient(AutoPipeline):
    def __init__(self, *args: Any, key_prefix: KeyPrefix, **kwargs: Any) -> None:  # noqa: ANN401 - as redis-py's
        self._kombus_prefix = key_prefix
        super().__init__(*args, **kwargs)

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py's
        return super().execute_command(*self._kombus_prefix.apply(args), **options)

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:  # noqa: ANN401, FBT001, FBT002 - as redis-py's
        return _PrefixedPipeline(
            self.connection_pool,
            self.response_callbacks,
            transaction,
            shard_hint,
            key_prefix=self._kombus_prefix,
        )

    def pubsub(self, **options: Any) -> Any:  # noqa: ANN401 - as redis-py's
        prefix = self._kombus_prefix.text
        return PrefixedRedisPubSub(self.connection_pool, global_keyprefix=prefix, **options)


class _PrefixedPipeline(DroppingPipeline):
    def __init__(self, *args: Any, key_prefix: KeyPrefix, **kwargs: Any) -> None:  # noqa: ANN401 - as redis-py's
        self._kombus_prefix = key_prefix
        super().__init__(*args, **kwargs)

    def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as redis-py's
        command = self._kombus_prefix.apply(args)
        return super().execute_command(*command, **options)  # type: ignore[no-untyped-call]
