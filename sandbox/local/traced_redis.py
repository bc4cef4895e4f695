"""A Redis whose machine can lose its power: what it had not synced to its disk is gone.

strace notes each write and each sync of the append-only file. A power cut kills the server and cuts
the file back to what was synced by then, which is the least that a disk may have kept.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.local.embedded_redis import EmbeddedRedis

_TRACED = "write,writev,pwrite64,fsync,fdatasync"
_END_PATIENCE_S = 10
_POLL_S = 0.01
_CALL = re.compile(
    r"^(?P<thread>\d+) +(?P<name>\w+)\(\d+<(?P<path>[^>]+)>.*?"
    r"(?:= (?P<result>-?\d+)(?: <(?P<took>[\d.]+)>)?|<unfinished \.\.\.>)"
)
_RESUMED = re.compile(
    r"^(?P<thread>\d+) +<\.\.\. \w+ resumed>.*= (?P<result>-?\d+)(?: <(?P<took>[\d.]+)>)?"
)


def can_trace() -> bool:
    """Whether strace is installed here."""
    return shutil.which("strace") is not None


@dataclass
class SyncedFile:
    """What of a file is known to be on the disk."""

    written: int = 0
    """Bytes written since the server started."""
    synced: int = 0
    """How many of them were written before a sync that has ended."""
    syncs_s: list[float] = field(default_factory=list)
    """How long each sync took."""


@dataclass(frozen=True)
class _Call:
    name: str
    path: str
    written: int
    """Bytes that had been written to the file when the call began."""


@dataclass
class SyncTrace:
    """Reads strace's lines of a server, in their order."""

    files: dict[str, SyncedFile] = field(default_factory=dict)
    """By path."""
    _begun: dict[str, _Call] = field(default_factory=dict)
    """By thread, the call that it is in."""

    @classmethod
    def read(cls, lines: Iterable[str]) -> SyncTrace:
        trace = cls()
        for line in lines:
            trace.add(line)
        return trace

    def add(self, line: str) -> None:
        if call := _CALL.match(line):
            path = call["path"]
            file = self.files.setdefault(path, SyncedFile())
            self._begun[call["thread"]] = _Call(call["name"], path, file.written)
        ended = call if call and call["result"] else _RESUMED.match(line)
        if ended and (begun := self._begun.pop(ended["thread"], None)):
            self._end(begun, int(ended["result"]), float(ended["took"] or 0))

    def _end(self, call: _Call, result: int, took_s: float) -> None:
        file = self.files[call.path]
        if "write" in call.name:
            file.written += max(result, 0)
        elif result == 0:
            file.synced = max(file.synced, call.written)
            file.syncs_s.append(took_s)


class TracedRedis:
    """Traces a server that was started already, which keeps an append-only file from then on."""

    def __init__(self, redis: EmbeddedRedis, appendfsync: str = "always") -> None:
        """`appendfsync` as in redis.conf."""
        self._redis = redis
        self._trace = redis.directory / "syscalls"
        self._durable: dict[str, int] = {}
        # A rewritten file takes the old one's place, which the trace does not follow.
        redis.options = {
            **redis.options,
            "appendonly": "yes",
            "appendfsync": appendfsync,
            "auto-aof-rewrite-percentage": "0",
        }
        redis.program = str(self._script())

    def start(self) -> None:
        """Restart the server; what its files hold now counts as on the disk."""
        self._redis.stop()
        self._durable = {str(path): path.stat().st_size for path in self._files()}
        self._redis.start()

    def cut_power(self) -> int:
        """Kill the server and take from its files what was not synced; returns how many bytes.

        `start` starts it again.
        """
        pid = self._redis.pid
        self._redis.kill()
        self._await_end(rf"(?m)^{pid} +\+\+\+ killed")
        trace = self.syncs()
        return sum(self._cut(path, trace.files.get(str(path))) for path in self._files())

    def syncs(self) -> SyncTrace:
        """What has been written and synced since the last start."""
        with self._trace.open(encoding="utf-8", errors="replace") as lines:
            return SyncTrace.read(lines)

    def _cut(self, path: Path, file: SyncedFile | None) -> int:
        size = path.stat().st_size
        kept = min(size, self._durable.get(str(path), 0) + (file.synced if file else 0))
        with path.open("r+b") as opened:
            opened.truncate(kept)
        return size - kept

    def _files(self) -> list[Path]:
        return [path for path in self._redis.directory.rglob("*.aof") if path.is_file()]

    def _script(self) -> Path:
        """The server becomes our child; strace is a separate process that outlives it."""
        script = self._redis.directory / "traced-redis"
        options = f"-DD -f --seccomp-bpf -y -T -s 0 -e signal=KILL -e trace={_TRACED}"
        script.write_text(
            f'#!/bin/sh\nexec strace {options} -o "{self._trace}" "{self._redis.program}" "$@"\n',
            encoding="utf-8",
        )
        script.chmod(0o700)
        return script

    def _await_end(self, last: str) -> None:
        deadline = time.monotonic() + _END_PATIENCE_S
        while not re.search(last, self._trace.read_text(errors="replace")):
            if time.monotonic() > deadline:
                raise TimeoutError(f"strace has not noted the end of the server: {last}")
            time.sleep(_POLL_S)
