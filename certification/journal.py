"""What a run has changed and found so far, on disk before it counts, so a later run goes on."""

from __future__ import annotations

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certification.finding import Finding
from worker.soap import RawRecord

_OWNER_ONLY = 0o600


class JournalError(Exception):
    """The file is not a journal of this account."""


@dataclass(frozen=True, slots=True)
class Done:
    """An experiment that has ended."""

    findings: tuple[Finding, ...]
    evidence: tuple[Mapping[str, Any], ...]
    calls: int


class Journal:
    """One account's, in a file that only its owner can read: it holds what products were."""

    def __init__(self, path: Path, account: str) -> None:
        """Reads what is there. Raises JournalError or OSError."""
        self._path = path
        self.before: dict[int, RawRecord] = {}
        """The products as they were when they were first read."""
        self.written: dict[int, dict[str, list[Any]]] = {}
        """By product: what may have been written to its fields and is not restored yet."""
        self.resets: set[str] = set()
        """Fields that updates were seen to change though they did not name them."""
        self.done: dict[str, Done] = {}
        self.begun_at: float | None = None
        self.wsdl = ""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _OWNER_ONLY)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            self.close()
            raise JournalError(f"{path} is another run's, which is still under way") from exc
        self._read(account)

    def begin(self, account: str, wsdl: str, now: float) -> None:
        """Forget the findings so far, but not the changes."""
        self._write({"event": "begin", "account": account, "wsdl": wsdl, "at": now})
        self.begun_at, self.wsdl, self.done = now, wsdl, {}

    def admit(self, product: int, record: RawRecord) -> None:
        """Record that the product may be changed, and how it has to be left."""
        self._write({"event": "product", "product": product, "record": dict(record.leaves)})
        self.before[product] = record

    def change(self, product: int, fields: Mapping[str, Any]) -> None:
        """Record the values (JSON; None empties the field) that are about to be written."""
        self._write({"event": "change", "product": product, "fields": dict(fields)})
        self._note_written(product, fields)

    def note_resets(self, fields: Sequence[str]) -> None:
        self._write({"event": "resets", "fields": list(fields)})
        self.resets.update(fields)

    def restored(self, product: int) -> None:
        self._write({"event": "restored", "product": product})
        self.written.pop(product, None)

    def end(self, experiment: str, done: Done) -> None:
        """Record that the experiment has ended."""
        findings = [finding.document() for finding in done.findings]
        evidence = [dict(exchange) for exchange in done.evidence]
        entry = {"event": "end", "experiment": experiment, "calls": done.calls}
        self._write({**entry, "findings": findings, "evidence": evidence})
        self.done[experiment] = done

    def close(self) -> None:
        """Close the file, so that another run may have it."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def remove(self) -> None:
        """Delete the file: everything is restored and recorded elsewhere."""
        self.close()
        self._path.unlink()

    def _note_written(self, product: int, fields: Mapping[str, Any]) -> None:
        written = self.written.setdefault(product, defaultdict(list))
        for name, value in fields.items():
            written[name].append(value)

    def _write(self, entry: Mapping[str, Any]) -> None:
        os.write(self._file, f"{json.dumps(entry)}\n".encode())
        os.fsync(self._file)

    def _read(self, account: str) -> None:
        lines = self._path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, 1):
            try:
                self._take(json.loads(line), account)
            except (ValueError, KeyError, TypeError) as exc:
                if number == len(lines):  # the line that was being written
                    self._drop_last(lines)
                    return
                raise JournalError(f"{self._path}, line {number}: {exc}") from exc

    def _drop_last(self, lines: Sequence[str]) -> None:
        self._path.write_text("".join(f"{line}\n" for line in lines[:-1]), encoding="utf-8")

    def _take(self, entry: Mapping[str, Any], account: str) -> None:
        match entry["event"]:
            case "begin":
                if entry["account"] != account:
                    raise JournalError(f"{self._path} is of account {entry['account']}")
                self.begun_at, self.wsdl, self.done = entry["at"], entry["wsdl"], {}
            case "product":
                self.before[int(entry["product"])] = RawRecord(entry["record"])
            case "change":
                self._note_written(int(entry["product"]), entry["fields"])
            case "restored":
                self.written.pop(int(entry["product"]), None)
            case "resets":
                self.resets.update(entry["fields"])
            case "end":
                findings = tuple(map(Finding.of, entry["findings"]))
                done = Done(findings, tuple(entry["evidence"]), entry["calls"])
                self.done[entry["experiment"]] = done
