"""Files of the history in a directory, one per account and day, which are gone on with."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from cli.history.chain import Link, last_link, seal
from cli.history.document import document_of
from worker.ledger import EndedUpdate


class SinkBusyError(Exception):
    """Another process writes into the directory."""


class HistoryFiles:
    """The files of one account. One chain goes through all of them."""

    def __init__(self, directory: Path, account: str) -> None:
        self._directory = directory
        self._account = account

    @contextmanager
    def opened(self) -> Iterator[None]:
        """For one process at a time. Raises SinkBusyError or OSError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / f".{self._account}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SinkBusyError(str(self._directory)) from None
            yield

    def append(self, updates: Iterable[EndedUpdate], after: Link) -> Iterator[Link]:
        """Write the updates, each into its day's file; yields the chain's end after each.

        All of it is on the disk once the iterator is used up. Where Redis's clock was set back over
        midnight, the chain goes on in the later day's file: it ends in the newest one always.
        """
        link, days = after, _Days(self._newest_day())
        for day, ended in groupby(map(document_of, updates), days.day_of):
            path = self._directory / f"{self._account}-{day}.jsonl"
            with path.open("a", encoding="ascii") as file:
                for document in ended:
                    line, link = seal(document, link)
                    file.write(line + "\n")
                    yield link
                file.flush()
                os.fsync(file.fileno())

    def end(self) -> Link:
        """Where the chain ends now. Raises OSError.

        A line that was cut off when a writer died is taken away: its update is written again.
        """
        for path in reversed(self._files()):
            if link := _end_of(path):
                return link
        return Link()

    def _files(self) -> list[Path]:
        return sorted(self._directory.glob(f"{self._account}-????-??-??.jsonl"))

    def _newest_day(self) -> str:
        return max((path.stem[-len("2026-01-31") :] for path in self._files()), default="")


class _Days:
    """The days of updates, of which none is before the one that came before it."""

    def __init__(self, latest: str) -> None:
        self._latest = latest

    def day_of(self, document: Mapping[str, Any]) -> str:
        self._latest = max(self._latest, document["ended_at"][:10])
        return self._latest


def _end_of(path: Path) -> Link | None:
    """The state of the chain at the file's last whole line; what follows it is removed."""
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    lines = whole.splitlines()
    if not lines:
        return None
    link = last_link(lines[-1].decode(errors="replace"))
    if link is None:
        raise OSError(f"{path}: its last line is not a line of a history")
    return link
