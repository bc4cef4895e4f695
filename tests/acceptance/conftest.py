"""Clients of the stack that a test module starts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from cli.dev.stack import Stack
from revio_jobs import RevioJobs


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--real-time", action="store_true", help="tell the day in the life in real time"
    )


@pytest.fixture
def jobs(stack: Stack) -> Iterator[RevioJobs]:
    with RevioJobs.connect(stack.redis.url) as connected:
        yield connected


@pytest.fixture
def redis(stack: Stack) -> Iterator[Redis]:
    with Redis.from_url(stack.redis.url) as connected:
        yield connected
