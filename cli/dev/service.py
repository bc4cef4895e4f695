"""A child process with its log, from its start to its end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.local.children import kill, signal_group, spawn, wait_or_kill

_POLL_S = 0.02
_SHOWN_LINES = 20


class ServiceError(Exception):
    """A service ended or was not ready in time; the text holds the last lines of its log."""


@dataclass
class Service:
    """A command that runs in `directory` and writes to `<name>.log` there."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path
    stop_patience_s: float = 30
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def log(self) -> Path:
        """Its whole log, over all its starts."""
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """Its process; None when it does not run."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Returns at once; see `wait_until`."""
        with self.log.open("ab") as log:
            self._process = spawn(
                self.command, output=log, env=self.environment, cwd=self.directory
            )

    def wait_until(self, is_ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Raises ServiceError when it ends first or `timeout_s` is over."""
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self.name} was not ready in {timeout_s:g} s. {self._last_words()}"
                )
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raises ServiceError if it has ended by itself."""
        if self._process and self._process.poll() is not None:
            code = self._process.returncode
            raise ServiceError(f"{self.name} ended with code {code}. {self._last_words()}")

    def output(self) -> str:
        """The log's text so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        """A signal to it and its children; nothing happens if it does not run."""
        if self.pid is not None and self._process:
            signal_group(self._process, number)

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and kill it when its patience is over."""
        self.send(signal.SIGTERM)
        self.wait_or_kill()

    def wait_or_kill(self) -> None:
        """The second half of `stop`, after a SIGTERM. A second SIGTERM would make Celery hurry."""
        if self._process:
            wait_or_kill(self._process, patience_s=self.stop_patience_s)
            self._process = None

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        if self._process:
            kill(self._process)
            self._process = None

    def _last_words(self) -> str:
        lines = self.output().splitlines()[-_SHOWN_LINES:]
        return "\n".join(["Its last lines:", *lines] if lines else ["It wrote nothing."])
