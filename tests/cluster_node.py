"""A Redis server that is a node of a cluster, without any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.local.embedded_redis import EmbeddedRedis, find_program, free_port

# Nodes talk to each other on a port that is 10,000 higher.
_HIGHEST_PORT = 55_535


@contextmanager
def cluster_node(directory: Path) -> Iterator[EmbeddedRedis]:
    """It keeps its files in `directory`."""
    port = next(port for port in iter(free_port, None) if port <= _HIGHEST_PORT)
    options = {"cluster-enabled": "yes", "appendonly": "no"}
    node = EmbeddedRedis(find_program(), directory, port, None, options, 20)
    node.start()
    try:
        yield node
    finally:
        node.stop()
