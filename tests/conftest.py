"""What the suites share: one Redis of their own, emptied for each test that uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from sandbox.embedded_redis import EmbeddedRedis, embedded_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedRedis]:
    with embedded_redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url
