"""Recognises a Redis Cluster behind a plain address, when a process first connects to it."""

from __future__ import annotations

from typing import Any

from redis.exceptions import RedisError, ResponseError

NO_CLUSTER = (
    "Redis Cluster is not supported: a job, its key and its queue must be on one server. "
    "Use a single server, or sentinel:// for fail-over"
)


class ClusterRefusedError(RedisError):
    """The server is a node of a Redis Cluster."""


class ClusterCheck:
    """Refuses nodes of a cluster; what redis-py calls for each new connection of a pool.

    It asks once per pool. A user without the permission to ask is let through: the worker, which
    needs it, names it when it starts.
    """

    def __init__(self) -> None:
        self._is_single = False

    def connected(self, connection: Any) -> None:  # noqa: ANN401 - redis-py's
        """Raises ClusterRefusedError."""
        connection.on_connect()
        if not self._is_single:
            connection.send_command("INFO", "cluster", check_health=False)
            try:
                answer = connection.read_response()
            except ResponseError:
                answer = b""
            self._judge(answer)

    async def connected_async(self, connection: Any) -> None:  # noqa: ANN401 - redis-py's
        """As `connected`."""
        await connection.on_connect()
        if not self._is_single:
            await connection.send_command("INFO", "cluster", check_health=False)
            try:
                answer = await connection.read_response()
            except ResponseError:
                answer = b""
            self._judge(answer)

    def _judge(self, answer: bytes | str) -> None:
        text = answer if isinstance(answer, str) else answer.decode()
        if "cluster_enabled:1" in text:
            raise ClusterRefusedError(NO_CLUSTER)
        self._is_single = True
