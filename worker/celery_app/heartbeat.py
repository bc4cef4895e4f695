"""Files by which probes see that a worker lives, and that it takes jobs.

A probe that asks the worker through Redis costs seconds of CPU, and calls every worker dead when
Redis is away. These files cost a probe one look: `alive` is touched by a thread of the process,
even if Redis or the vendor fails, unless the loop that takes messages is known to stand still;
`ready` by that loop, while it turns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import bootsteps
from celery.worker.consumer import Tasks

HEARTBEAT_INTERVAL_S = 5.0

ALIVE, READY = "alive", "ready"


class Heartbeat:
    """Touches `alive` in a thread from `start` to `stop`."""

    def __init__(
        self,
        directory: Path,
        stands_still: Callable[[], bool],
        interval_s: float = HEARTBEAT_INTERVAL_S,
    ) -> None:
        """`stands_still`: whether only a restart helps the worker."""
        self._directory = directory
        self._stands_still = stands_still
        self._interval_s = interval_s
        self._ended = threading.Event()

    def start(self) -> None:
        """Raises OSError if the directory cannot be made or written to."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self.forget(READY)
        self.touch(ALIVE)
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Neither file is left."""
        self._ended.set()
        self.forget(READY)
        self.forget(ALIVE)

    def touch(self, name: str) -> None:
        """Raises OSError."""
        (self._directory / name).touch()

    def forget(self, name: str) -> None:
        """The probe of that name fails from now on."""
        (self._directory / name).unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(self._interval_s):
            if self._stands_still():
                continue
            with suppress(OSError):  # the probe notices
                self.touch(ALIVE)


class Readiness(bootsteps.StartStopStep):  # type: ignore[misc] # Celery is untyped
    """Touches `ready` in the consumer's loop while it takes messages.

    The process's `Heartbeat` is `app.heartbeat`.
    """

    requires = (Tasks,)

    def __init__(self, consumer: Any, **_: object) -> None:  # noqa: ANN401 - as Celery's
        self._timer: Any = None
        self._heartbeat: Heartbeat = consumer.app.heartbeat

    def start(self, consumer: Any) -> None:  # noqa: ANN401 - as Celery's
        """At each connection, when the queues are being consumed."""
        self._touch()
        self._timer = consumer.timer.call_repeatedly(HEARTBEAT_INTERVAL_S, self._touch)

    def stop(self, consumer: Any) -> None:  # noqa: ANN401, ARG002 - as Celery's
        """When the connection is lost, and at the end."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._heartbeat.forget(READY)

    shutdown = stop

    def _touch(self) -> None:
        with suppress(OSError):  # the probe notices
            self._heartbeat.touch(READY)
