"""A Redis server that is a node of a cluster, without any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.local.embedded_redis import EmbeddedRedis, NoRedisError, find_program, free_port

# Nodes talk to each other on a port that is 10,000 higher.
_HIGHEST_PORT = 55_535
_PORTS_TO_TRY = 5


@contextmanager
def cluster_node(directory: Path) -> Iterator[EmbeddedRedis]:
    """It keeps its files in `directory`."""
    node = _started(directory, _PORTS_TO_TRY)
    try:
        yield node
    finally:
        node.stop()


def _started(directory: Path, attempts: int) -> EmbeddedRedis:
    port = next(port for port in iter(free_port, None) if port <= _HIGHEST_PORT)
    options = {"cluster-enabled": "yes", "appendonly": "no"}
    node = EmbeddedRedis(find_program(), directory, port, None, options, 20)
    try:
        node.start()
    except NoRedisError as exc:
        if attempts > 1 and "in use" in str(exc):
            return _started(directory, attempts - 1)
        raise
    return node
