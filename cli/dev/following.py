"""Shows the logs of services on the terminal while they grow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from cli.dev.service import Service

_POLL_S = 0.1


@contextmanager
def following(services: Iterable[Service], show: Callable[[str], None]) -> Iterator[None]:
    """Passes each line to `show`, headed by the service's name, from the logs' beginnings on."""
    ended = threading.Event()
    thread = threading.Thread(
        target=_follow, args=(list(services), show, ended), name="following", daemon=True
    )
    try:
        thread.start()  # a Ctrl-C may come in here already
        yield
    finally:
        ended.set()
        if thread.is_alive():
            thread.join()


def _follow(services: list[Service], show: Callable[[str], None], ended: threading.Event) -> None:
    width = max((len(service.name) for service in services), default=0)
    with ExitStack() as files:
        logs = [(service.name, files.enter_context(_opened(service))) for service in services]
        while not ended.wait(_POLL_S):
            for name, log in logs:
                for line in _whole_lines(log):
                    show(f"{name:<{width}} | {line}")


def _opened(service: Service) -> IO[str]:
    return service.log.open(encoding="utf-8", errors="replace")


def _whole_lines(log: IO[str]) -> Iterator[str]:
    """What was added since; a line that is still being written waits for the next time."""
    while True:
        start = log.tell()
        line = log.readline()
        if not line.endswith("\n"):
            log.seek(start)
            return
        yield line.rstrip("\n")
