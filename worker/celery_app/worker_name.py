"""The default name of a worker: its lanes and its host, the same after a restart."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import IO

from revio_jobs.contracts import parse_queue_name

_MOST_ON_A_HOST = 1000


class WorkerNames:
    """Hands out a host's names, each to one process at a time.

    A process has a name for as long as it holds the lock of the name's file, so a kill frees it,
    and the next worker of the same lanes gets it again.
    """

    def __init__(self, host: str, directory: Path | None = None) -> None:
        """`directory`: where the files are; the user's own among temporary files if omitted."""
        self._host = host
        self._directory = directory or Path(tempfile.gettempdir(), f"revio-workers-{os.getuid()}")
        self._held: list[IO[str]] = []

    def take(self, queues: Iterable[str]) -> str:
        """A name for a worker of these queues that no other process of the host has."""
        parsed = filter(None, map(parse_queue_name, queues))
        lanes = "+".join(f"{account}.{lane.value}" for account, lane in parsed) or "all"
        for number in count(1):
            name = lanes if number == 1 else f"{lanes}-{number}"
            if number > _MOST_ON_A_HOST:
                break
            try:
                if self._lock(name):
                    return f"{name}@{self._host}"
            except OSError:
                break
        # Without lock files, nothing else tells two workers apart.
        return f"{lanes}.{os.getpid()}@{self._host}"

    def _lock(self, name: str) -> bool:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        file = (self._directory / name).open("w", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._held.append(file)
        return True

    def close(self) -> None:
        """Release the names that this process has taken."""
        while self._held:
            self._held.pop().close()
