"""One plan on its way: what was asked for, and what came of it, in a directory of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from campaigns.rows.planned_row import RowClass

PLAN = "campaign.plan"
# Numbered by its schema: what an earlier release made is made again.
ROWS = "rows-2.sqlite"
REVIEW = "review.json"
PAGE = "review.html"
WORKBOOK = "review.xlsx"
LEFT = "left.csv"
LEFT_OUT = "left_out.txt"
_REQUEST = "request.json"
_OUTCOME = "outcome.json"
_PROGRESS = "progress.json"
_WITHDRAWAL = "withdrawal.json"
_REPLACED_BY = "replaced_by.txt"
_LOCK = "lock"
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked to be planned; JSON values throughout."""

    id: str
    account: str
    name: str
    author: str
    asked_at: float
    """Unix time, seconds."""
    kind: str = "plan"
    """plan, retry, undo or without."""
    source: str = ""
    """The upload's file name in the record's directory; "" if there is none."""
    source_title: str = ""
    """As the uploader's machine called it."""
    of_run: str = ""
    """The run that is tried again or taken back."""
    of_plan: str = ""
    """The id of the plan that is made anew without the products that the file LEFT_OUT lists."""
    replaces: str = ""
    """The id of the plan that was made before, and which this one takes the place of."""
    reason: str = ""
    only: str = "transient"
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The form's other fields: rules, guard rails, and what was stated about the file."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A plan that nobody is to look at any more."""

    by: str
    at: float
    """Unix time, seconds."""
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What planning came to; JSON values throughout."""

    verdict: str
    """nothing to do, changes, problems, or failed."""
    error: tuple[str, ...] = ()
    """Why it failed, in lines."""
    read_as: tuple[tuple[str, str], ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Faulty rows by kind, in words."""
    forbidden: tuple[str, ...] = ()
    """Guard rails that the plan as a whole crosses."""
    problem_file: str = ""
    columns: tuple[str, ...] = ()
    """The file's titles, where they could be read."""
    samples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The first values under each title."""
    rails: Mapping[str, str] = field(default_factory=dict)
    """Guard rails that stop rows or the plan, and that a reason would cross; what they stop."""
    digest: str = ""
    run: str = ""
    begins: str = ""
    forecast: Mapping[str, Any] = field(default_factory=dict)
    calls: int = 0
    """That planning took."""
    left: Mapping[str, Any] = field(default_factory=dict)
    """Of an undo: what it leaves; as `revio campaign undo --json` says it."""
    is_unreadable: bool = False
    """Whether nothing that could be stated about the upload would make it a price list."""

    @property
    def asks(self) -> bool:
        """Whether planning failed for want of an answer, by an option of the command line."""
        return any("--" in line for line in self.error)

    @property
    def changes_something(self) -> bool:
        """Whether there is a plan to decide about."""
        return bool(self.digest and self.rows.get(RowClass.CHANGE))


class Record:
    """A plan's directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def wanted(self) -> Wanted:
        """What was asked for. Raises FileNotFoundError if there is no such record."""
        return _wanted(_Version.of(self.directory / _REQUEST))

    @property
    def is_asked(self) -> bool:
        """Whether all that planning needs is stored."""
        return (self.directory / _REQUEST).is_file()

    @property
    def outcome(self) -> Outcome | None:
        """None while it is being planned."""
        try:
            return _outcome(_Version.of(self.directory / _OUTCOME))
        except FileNotFoundError:
            return None

    @property
    def progress(self) -> Mapping[str, Any]:
        """How far planning has come: `rows`, and what it waits for."""
        return _read(self.directory / _PROGRESS) or {}

    @property
    def lock(self) -> Path:
        """Held by the process that plans it."""
        return self.directory / _LOCK

    @property
    def source(self) -> Path | None:
        """The uploaded file."""
        name = self.wanted.source
        return self.directory / name if name else None

    def file(self, name: str) -> Path:
        """One of its files."""
        return self.directory / name

    def ask(self, wanted: Wanted) -> None:
        """Last, when all else that it needs is there: then it counts as stored."""
        _write(self.directory / _REQUEST, asdict(wanted))

    @property
    def withdrawal(self) -> Withdrawal | None:
        """None unless its planner has withdrawn it."""
        document = _read(self.directory / _WITHDRAWAL)
        return Withdrawal(**document) if document else None

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """For good; what campaigns know of the plan is the caller's."""
        _write(self.directory / _WITHDRAWAL, asdict(withdrawal))

    @property
    def replacement(self) -> Record | None:
        """The latest plan that takes the place of this one, unless that came to nothing."""
        try:
            names = self.file(_REPLACED_BY).read_text(encoding="ascii").split()
        except FileNotFoundError:
            return None
        for name in reversed(names):
            record = Record(self.directory.parent / name)
            outcome = record.outcome
            if not record.withdrawal and (outcome is None or outcome.changes_something):
                return record
        return None

    def note_replaced(self, by: str) -> None:
        """By the plan with that id, which need not be made yet."""
        with self.file(_REPLACED_BY).open("a", encoding="ascii") as file:
            file.write(f"{by}\n")

    def end(self, outcome: Outcome) -> None:
        """With what planning came to."""
        _write(self.directory / _OUTCOME, asdict(outcome))

    def note_progress(self, rows: int, waits: str) -> None:
        """For those who watch."""
        _write(self.directory / _PROGRESS, {"rows": rows, "waits": waits}, durable=False)


@dataclass(frozen=True, slots=True)
class _Version:
    """A file as it was at one time. Files are replaced as a whole, so each has one content."""

    path: Path
    inode: int
    changed_at: int

    @classmethod
    def of(cls, path: Path) -> _Version:
        stat = path.stat()
        return cls(path, stat.st_ino, stat.st_mtime_ns)


# A list of campaigns looks at all records, and each page of a run for its plan among them.
@lru_cache(_REMEMBERED)
def _wanted(version: _Version) -> Wanted:
    return Wanted(**json.loads(version.path.read_text(encoding="utf-8")))


@lru_cache(_REMEMBERED)
def _outcome(version: _Version) -> Outcome:
    document: dict[str, Any] = json.loads(version.path.read_text(encoding="utf-8"))
    pairs = tuple((what, how) for what, how in document.pop("read_as"))
    known: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in document.items()}
    return Outcome(**known, read_as=pairs)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return document


def _write(path: Path, document: Mapping[str, Any], *, durable: bool = True) -> None:
    """As a whole or not at all; on disk when this returns, if it is to be durable."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(document, file)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)
