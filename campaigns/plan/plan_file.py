"""The plan: a file of JSON lines: a header, a line per row, the summary, and a digest of all that.

It is frozen by the digest: changing a byte makes another plan, which nobody has approved.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from campaigns.errors import PlanFileError
from campaigns.plan.summary import Summary
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.source.read_as import ReadAs
from campaigns.source.table import Form

FORMAT = 1
_NAME = re.compile(r"[^a-z0-9]+")
_NAME_CHARACTERS = 40
_HEADER = b'{"revio_plan"'
_SUMMARY = b'{"summary"'
_DIGEST = b'{"digest"'
# `json.dumps` would make one for each row.
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Header:
    """What the plan is, who made it, and from what."""

    name: str
    account: str
    vendor: str
    """A fingerprint of the account's address and client code: sandbox or production."""
    author: str
    created_at: str
    """ISO 8601 with zone."""
    kind: str = "plan"
    """plan, retry or undo."""
    of_run: str | None = None
    """The run that it retries or undoes."""
    source: str = ""
    form: Form = field(default_factory=Form)
    rules: Mapping[str, Any] = field(default_factory=dict)
    rails: tuple[str, ...] = ()
    """The plan's own guard rails, besides those of the settings."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Reasons by rail."""
    effective: str | None = None
    read_as: ReadAs = field(default_factory=ReadAs)
    """How the input was understood."""

    def document(self) -> dict[str, Any]:
        """JSON values."""
        named = {name: getattr(self, name) for name in self.__slots__}
        named |= {"form": self.form.document(), "read_as": self.read_as.document()}
        return {"revio_plan": FORMAT, **named}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Header:
        """From `document`; fields added by a newer release are ignored."""
        known = {name: document[name] for name in cls.__slots__ if name in document}
        known |= {"form": Form.of(known["form"]), "rails": tuple(known["rails"])}
        return cls(**{**known, "read_as": ReadAs.of(known.get("read_as", {}))})


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that was read and found whole."""

    path: Path
    header: Header
    summary: Summary
    digest: str

    @property
    def run(self) -> str:
        """The name of its run: the same plan always has the same."""
        name = _NAME.sub("-", self.header.name.lower()).strip("-")[:_NAME_CHARACTERS].strip("-")
        return f"{name or 'plan'}-{self.digest[:10]}"

    def rows(self) -> Iterator[PlannedRow]:
        """Every row. Raises PlanFileError if the file is not what it was when it was opened."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            digest.update(file.readline())
            for line in file:
                if line.startswith(_DIGEST):
                    break
                digest.update(line)
                if not line.startswith(_SUMMARY):
                    yield PlannedRow.of(_parsed(line))
        if digest.hexdigest() != self.digest:
            raise PlanFileError(f"{self.path.name}: the plan was changed while it was read")

    def changes(self) -> Iterator[PlannedRow]:
        """The rows that will be sent."""
        return (row for row in self.rows() if row.kind is RowClass.CHANGE)


class PlanWriter:
    """Writes rows, and at the end the digest of all that was written."""

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.header = header
        self.summary = Summary()
        self._write(header.document())

    def add(self, row: PlannedRow) -> None:
        """One more row."""
        self.summary.add(row)
        self._write(row.document())

    def finish(self) -> str:
        """The digest. Nothing can be added after it."""
        self._write({"summary": self.summary.document()})
        digest = self._digest.hexdigest()
        self._file.write(_line({"digest": digest}))
        self._file.flush()
        return digest

    def _write(self, document: Mapping[str, Any]) -> None:
        line = _line(document)
        self._digest.update(line)
        self._file.write(line)


@contextmanager
def new_plan(path: Path, header: Header) -> Iterator[PlanWriter]:
    """A plan that is being written next to `path`; it is removed unless `keep` is called."""
    draft = _draft(path)
    try:
        with draft.open("wb") as file:
            yield PlanWriter(file, header)
    finally:
        draft.unlink(missing_ok=True)


def keep(path: Path, writer: PlanWriter) -> str:
    """End the plan under way and give it its name; returns the digest."""
    digest = writer.finish()
    _draft(path).replace(path)
    return digest


def is_plan(path: Path) -> bool:
    """By its first bytes. Raises OSError."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def open_plan(path: Path) -> Plan:
    """Reads all of it once. Raises PlanFileError for anything but an unchanged plan."""
    digest, summary = hashlib.sha256(), b""
    try:
        with path.open("rb") as file:
            first = file.readline()
            header = _header(path, first)
            digest.update(first)
            for line in file:
                if line.startswith(_DIGEST):
                    _check_end(path, digest.hexdigest(), line + file.read(1))
                    return Plan(path, header, _summary(path, summary), digest.hexdigest())
                digest.update(line)
                summary = line
    except OSError as exc:
        raise PlanFileError(f"{path}: cannot be read: {exc.strerror}") from exc
    raise PlanFileError(f"{path.name}: the plan is cut off")


def _header(path: Path, line: bytes) -> Header:
    document = _parsed(line) if line.startswith(_HEADER) else {}
    version = document.get("revio_plan")
    if version is None:
        raise PlanFileError(f"{path.name} is not a plan; `revio campaign plan` makes one")
    if version != FORMAT:
        raise PlanFileError(f"{path.name}: format {version} is not known here, only {FORMAT}")
    try:
        return Header.of(document)
    except (KeyError, TypeError) as exc:
        raise PlanFileError(f"{path.name}: the plan's header is damaged") from exc


def _check_end(path: Path, digest: str, end: bytes) -> None:
    if end != _line({"digest": digest}):
        raise PlanFileError(
            f"{path.name}: the plan was changed after it was made; plan again and have it approved"
        )


def _summary(path: Path, line: bytes) -> Summary:
    if not line.startswith(_SUMMARY):
        raise PlanFileError(f"{path.name}: the plan has no summary")
    return Summary.of(_parsed(line)["summary"])


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.draft")


def _line(document: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(document).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise PlanFileError("the plan is damaged: a line is not JSON") from None
    if not isinstance(document, dict):
        raise PlanFileError("the plan is damaged: a line is not an object")
    return document
