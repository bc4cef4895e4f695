"""All records of the console, by account."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from console.plans.record import Record

_LEFT_S = 86_400
_ID = re.compile(r"[0-9a-f]{20}")


class Shelf:
    """A directory for each account, and in it one for each plan."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self) -> None:
        """Make sure that plans can be kept. Raises OSError."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=self._root):
            pass

    def record(self, account: str, plan: str) -> Record | None:
        """None if there is none."""
        record = Record(self._root / account / plan)
        if not _ID.fullmatch(plan) or not record.is_asked:
            return None
        return record

    def new(self, account: str, once: str) -> Record:
        """A directory for what a form asks for; the same form always has the same.

        `once`: the form's own random text, so that a second click makes no second plan.
        """
        plan = hashlib.sha256(f"{account}\n{once}".encode()).hexdigest()[:20]
        record = Record(self._root / account / plan)
        record.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return record

    def records(self, account: str) -> list[Record]:
        """The newest first."""
        found = [
            record
            for path in _children(self._root / account)
            if (record := self.record(account, path.name))
        ]
        return sorted(found, key=lambda record: record.wanted.asked_at, reverse=True)

    def of_run(self, account: str, run: str) -> Record | None:
        """The plan that was applied as this run, if it was made here."""
        for record in self.records(account):
            outcome = record.outcome
            if outcome and outcome.run == run:
                return record
        return None

    def sweep(self, now: float) -> None:
        """Forget what forms with a fault have left a day ago, and nobody has sent again."""
        for account in _children(self._root):
            for path in _children(account):
                is_left = _ID.fullmatch(path.name) and not Record(path).is_asked
                if is_left and now - path.stat().st_mtime > _LEFT_S:
                    shutil.rmtree(path, ignore_errors=True)

    def unplanned(self) -> Iterator[Record]:
        """Those of all accounts whose planning has not ended."""
        for account in _children(self._root):
            for record in self.records(account.name):
                if record.outcome is None:
                    yield record


def _children(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir()) if directory.is_dir() else []
