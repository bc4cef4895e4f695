"""Two Redis servers behind one name: new connections go to the primary, old ones stay.

So does a managed Redis that fails over: its name leads to the new primary, and the old one lives on
as a read-only replica that still answers those who are connected to it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from redis import Redis

from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.acceptance.watching import wait_until

_HOST = "127.0.0.1"


class Name:
    """An address whose connections are passed on to the server that has it at that moment."""

    def __init__(self, port: int) -> None:
        self.target = port
        self._listener = socket.create_server((_HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection((_HOST, self.target)) as server:
            back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            back.start()
            _pass_on(client, server)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@dataclass
class NamedRedis:
    """Stands where one server would."""

    servers: list[EmbeddedRedis]
    name: Name

    @property
    def url(self) -> str:
        return f"redis://{_HOST}:{self.name.port}/0"

    def fail_over(self) -> None:
        """The replica becomes the primary and has the name; the old primary becomes its replica."""
        old, new = self.servers
        with Redis(port=old.port) as was, Redis(port=new.port) as becomes:
            was.execute_command("CLIENT", "PAUSE", "2000", "WRITE")
            wait_until(lambda: _offset(becomes) == _offset(was))
            becomes.replicaof("NO", "ONE")
            self.name.target = new.port
            was.replicaof(_HOST, str(new.port))
            was.execute_command("CLIENT", "UNPAUSE")
            wait_until(lambda: was.info("replication")["master_link_status"] == "up")
        self.servers.reverse()


def _offset(redis: Redis) -> int:
    replication = redis.info("replication")
    return int(replication.get("slave_repl_offset", replication["master_repl_offset"]))


@contextmanager
def named_redis() -> Iterator[NamedRedis]:
    """Ready when the replica is in step."""
    with ExitStack() as running:
        primary = running.enter_context(embedded_redis(appendonly=True))
        options = {"replicaof": f"{_HOST} {primary.port}"}
        replica = running.enter_context(embedded_redis(appendonly=True, options=options))
        with Redis(port=replica.port) as redis:
            wait_until(lambda: redis.info("replication")["master_link_status"] == "up")
        name = Name(primary.port)
        running.callback(name.close)
        yield NamedRedis([primary, replica], name)
