"""Which rows of a plan somebody has unticked: one file per plan and person."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from campaigns.rows.planned_row import RowClass
from console.plans.record import Record
from console.plans.row_index import RowIndex
from console.plans.row_query import RowQuery, where

_SCHEMA = "CREATE TABLE IF NOT EXISTS unticked(n INTEGER PRIMARY KEY)"
_WAIT_S = 20.0


class TickStore:
    """Of one plan and person. Only rows that change something can be unticked."""

    def __init__(self, index: RowIndex, directory: Path, person: str) -> None:
        """`directory`: the plan's record."""
        self._index = index
        name = hashlib.sha256(person.encode()).hexdigest()[:16]
        self.path = directory / f"unticked-{name}.sqlite"

    @classmethod
    def of(cls, record: Record, person: str) -> TickStore:
        """Of a plan that has been made."""
        return cls(RowIndex.of(record), record.directory, person)

    def count(self) -> int:
        """How many are unticked."""
        if not self.path.is_file():
            return 0
        with self._open() as db:
            (count,) = db.execute("SELECT count(*) FROM unticked").fetchone()
        return int(count)

    def among(self, places: Collection[int]) -> set[int]:
        """Those of the places whose rows are unticked."""
        if not self.path.is_file():
            return set()
        marks = ", ".join("?" * len(places))
        with self._open() as db:
            found = db.execute(f"SELECT n FROM unticked WHERE n IN ({marks})", tuple(places))  # noqa: S608 - marks alone
            return {place for (place,) in found}

    def set(self, shown: Collection[int], ticked: Collection[int]) -> None:
        """Of the rows at the places `shown`, tick those of `ticked` and untick the others."""
        unticked = set(shown) - set(ticked)
        with self._open() as db:
            self._untick(db, "WHERE n = ?", [(place,) for place in unticked])
            gone = [(place,) for place in set(shown) & set(ticked)]
            db.executemany("DELETE FROM unticked WHERE n = ?", gone)

    def untick_found(self, query: RowQuery) -> None:
        """Every row that the query finds, on all its pages."""
        clause, values = where(query)
        with self._open() as db:
            self._untick(db, clause, [tuple(values)])

    def tick_found(self, query: RowQuery) -> None:
        """The opposite."""
        clause, values = where(query)
        with self._open() as db:
            db.execute(
                f"DELETE FROM unticked WHERE n IN (SELECT n FROM row {clause})",  # noqa: S608 - see where
                values,
            )

    def products(self) -> Iterator[int]:
        """The product of each unticked row, in the plan's order."""
        with self._open() as db:
            for (product,) in db.execute("SELECT id FROM unticked JOIN row USING (n) ORDER BY n"):
                yield product

    def _untick(
        self, db: sqlite3.Connection, clause: str, values: Collection[tuple[object, ...]]
    ) -> None:
        kind, change = where(RowQuery(kind=RowClass.CHANGE))
        both = f"{clause} AND {kind.removeprefix('WHERE ')}" if clause else kind
        db.executemany(
            f"INSERT OR IGNORE INTO unticked SELECT n FROM row {both}",  # noqa: S608 - see where
            [(*given, *change) for given in values],
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        address = f"file:{quote(str(self.path))}?mode=rwc"
        with closing(sqlite3.connect(address, _WAIT_S, uri=True)) as db:
            db.execute(_SCHEMA)
            self._index.attach(db)
            with db:
                yield db
