"""The pool of a client's connections, whose idle ones are closed while other threads go on."""

from __future__ import annotations

from queue import Empty

from redis import BlockingConnectionPool


class ConnectionPool(BlockingConnectionPool):
    """Callers wait for a connection."""

    def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as redis-py's
        """Closes all connections, or only those that nobody uses.

        Idle ones are taken out of the pool meanwhile. redis-py's pool leaves them there, where
        another thread may take the one that is about to be closed, and raises ValueError or
        AttributeError as it uses it; and in 5.0 it can only close all.
        """
        if inuse_connections:
            super().disconnect()
            return
        idle = []
        try:
            while True:
                idle.append(self.pool.get_nowait())
        except Empty:
            for connection in filter(None, idle):
                connection.disconnect()
        finally:
            for connection in reversed(idle):
                self.pool.put_nowait(connection)
