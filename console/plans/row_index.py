"""A plan's rows in SQLite, so that one page of a million is found in an instant."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from campaigns.plan.figures import shown_move
from campaigns.plan.plan_file import Plan, open_plan
from campaigns.plan.summary import moved, revenue
from campaigns.rows.field_change import changes_of
from campaigns.rows.planned_row import PlannedRow, RowClass
from console.plans.record import PLAN, ROWS, Record
from console.plans.row_query import GUARDED, KIND_SHIFT, NOT_UNDOABLE, SORTS, RowQuery, where

PAGE_ROWS = 50
_AT_ONCE = 5000
_CACHE_KIB = 32_768
_SCHEMA = """
CREATE TABLE kind(code INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE product(key INTEGER PRIMARY KEY, description TEXT UNIQUE);
CREATE TABLE row(
  n INTEGER PRIMARY KEY, place INTEGER, line INTEGER, sheet TEXT, id INTEGER, customer INTEGER,
  product INTEGER REFERENCES product(key), traits INTEGER, quantity INTEGER, changes TEXT,
  revenue REAL, money TEXT, percent REAL, moved TEXT, says TEXT, undo TEXT);
"""
# An index per order, each with all that filters ask for: a page is found in the index alone, and
# the rows that are skipped are not read.
_INDEXES = """
CREATE INDEX by_line ON row(place, n, traits, product);
CREATE INDEX by_id ON row(id, n, traits, product);
CREATE INDEX by_customer ON row(customer, n, traits, product);
CREATE INDEX by_product ON row(product, n, traits);
CREATE INDEX by_revenue ON row(revenue, n, traits, product);
CREATE INDEX by_percent ON row(percent, n, traits, product);
CREATE TABLE counted(product INTEGER, traits INTEGER, rows INTEGER);
INSERT INTO counted SELECT product, traits, count(*) FROM row GROUP BY product, traits;
"""
_KINDS = tuple(RowClass)
_LINE_BITS = 32
_WHY: Mapping[RowClass, str] = {
    RowClass.SAME: "it is so already",
    RowClass.ROUNDED_AWAY: "rounding leaves its rate as it is",
    RowClass.NO_WISH: "its cells ask for no change",
    RowClass.REPEATED: "an earlier row says the same",
    RowClass.NOT_MEANT: "the rule's condition leaves it out",
    RowClass.DISCONNECTED: "left alone, since it is disconnected",
    RowClass.LEFT_OUT: "somebody has taken it out of an earlier plan",
    RowClass.UNTOUCHED: "it was edited since",
}
"""Why a row changes nothing, where the row itself does not say."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """One field of a row."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as a page shows it."""

    n: int
    """Its place in the plan."""
    line: int
    sheet: str
    id: int
    customer: int | None
    product: str
    kind: str
    quantity: int | None
    changes: Sequence[RowChange]
    money: str
    moved: str
    says: str
    undo: str

    @property
    def is_change(self) -> bool:
        """Whether it is sent when the plan is applied."""
        return self.kind == RowClass.CHANGE


@dataclass(frozen=True, slots=True)
class RowPage:
    """What was found."""

    rows: Sequence[ShownRow]
    count: int
    page: int

    @property
    def pages(self) -> int:
        """How many there are, at least one."""
        return max(-(-self.count // PAGE_ROWS), 1)

    @property
    def first(self) -> int:
        """The first row's number among those found; they are counted from 1."""
        return (self.page - 1) * PAGE_ROWS + 1

    @property
    def last(self) -> int:
        """The last row's."""
        return self.first + len(self.rows) - 1


class RowIndex:
    """Of one plan; made once, read by anybody."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, record: Record) -> RowIndex:
        """Of a plan that has been made, if need be by an earlier release. Raises PlanFileError."""
        path = record.file(ROWS)
        return cls(path) if path.exists() else cls.make(path, open_plan(record.file(PLAN)))

    @classmethod
    def make(cls, path: Path, plan: Plan) -> RowIndex:
        """Read all rows of the plan into the file `path`. Raises PlanFileError."""
        draft = path.with_name(f".{path.name}.{uuid4().hex}")
        with closing(sqlite3.connect(draft)) as db:
            db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)
            db.executemany("INSERT INTO kind VALUES(?, ?)", enumerate(_KINDS))
            products: dict[str, int] = {}
            sheets: dict[str, int] = {}
            for batch in _batches(_columns(row, products, sheets) for row in plan.rows()):
                db.executemany(f"INSERT INTO row VALUES({', '.join('?' * 16)})", batch)
            db.executemany("INSERT INTO product(description, key) VALUES(?, ?)", products.items())
            db.executescript(_INDEXES)
            db.commit()
        draft.replace(path)
        return cls(path)

    def kinds(self) -> dict[str, int]:
        """Rows by what planning made of them, the most frequent first."""
        with closing(self._open()) as db:
            found = db.execute(
                "SELECT name, sum(rows) AS n FROM counted JOIN kind ON code = traits >> ? "
                "GROUP BY name ORDER BY n DESC",
                (KIND_SHIFT,),
            )
            return dict(found)

    def find(self, query: RowQuery, unticked: Path | None = None) -> RowPage:
        """One page; the last one if there are not so many.

        `unticked`: the file of a `TickStore` of this index, which the flag UNTICKED asks for.
        """
        clause, values = where(query)
        order = SORTS.get(query.sort, "place")
        way = "DESC" if query.descending else "ASC"
        with closing(self._open(unticked)) as db:
            (count,) = db.execute(*self._count(clause, values)).fetchone()
            page = min(max(query.page, 1), max(-(-count // PAGE_ROWS), 1))
            # The rows of the page are looked up first, so that what is skipped is not read.
            statement = (
                "SELECT n, line, sheet, id, customer, description, name, quantity, changes, money, "  # noqa: S608 - clause and order are ours
                f"moved, says, undo FROM (SELECT n AS at FROM row {clause} "
                f"ORDER BY {order} {way}, n {way} LIMIT ? OFFSET ?) "
                f"JOIN row ON n = at JOIN kind ON code = traits >> {KIND_SHIFT} "
                "LEFT JOIN product ON key = product "
                f"ORDER BY row.{order} {way}, n {way}"
            )
            rows = db.execute(statement, (*values, PAGE_ROWS, (page - 1) * PAGE_ROWS)).fetchall()
        return RowPage([_shown(row) for row in rows], count, page)

    def attach(self, db: sqlite3.Connection) -> None:
        """Let statements of `db`, which was opened by a URI, see the rows."""
        db.execute("ATTACH ? AS rows", (self._address,))

    def _count(self, clause: str, values: Sequence[object]) -> tuple[str, Sequence[object]]:
        if "row." not in clause:
            return f"SELECT coalesce(sum(rows), 0) FROM counted {clause}", values  # noqa: S608
        return f"SELECT count(*) FROM row {clause}", values  # noqa: S608

    @property
    def _address(self) -> str:
        return f"file:{quote(str(self._path))}?mode=ro&immutable=1"

    def _open(self, unticked: Path | None = None) -> sqlite3.Connection:
        db = sqlite3.connect(self._address, uri=True)
        if unticked and unticked.is_file():
            db.execute("ATTACH ? AS ticks", (f"file:{quote(str(unticked))}?mode=ro",))
            db.execute(f"PRAGMA ticks.cache_size = {-_CACHE_KIB}")  # all of it, for a million rows
        else:
            db.execute("CREATE TEMP TABLE unticked(n INTEGER PRIMARY KEY)")
        return db


def _columns(
    row: PlannedRow, products: dict[str, int], sheets: dict[str, int]
) -> tuple[object, ...]:
    before, after = revenue(row)
    sheet = sheets.setdefault(row.sheet, len(sheets))
    description, change = str(row.seen.get("description") or ""), moved(row)
    return (
        None,
        sheet << _LINE_BITS | row.line,
        row.line,
        row.sheet,
        row.id,
        row.seen.get("customer_id"),
        products.setdefault(description, len(products) + 1),
        _traits(row),
        row.seen.get("quantity"),
        "\x1e".join(f"{c.name}\x1f{_text(c.old)}\x1f{_text(c.new)}" for c in changes_of(row)),
        float(after - before),
        f"{after - before:+,.2f}" if after != before else "",
        None if change is None else float(change),
        shown_move(row) if "rate" in row.after else "",
        "; ".join(row.says) or _WHY.get(row.kind, ""),
        row.not_undoable,
    )


def _traits(row: PlannedRow) -> int:
    """Its kind, and what flags ask for, in one number."""
    flags = (GUARDED if row.says else 0) | (NOT_UNDOABLE if row.not_undoable else 0)
    return _KINDS.index(row.kind) << KIND_SHIFT | flags


def _shown(row: Sequence[Any]) -> ShownRow:
    place, line, sheet, number, customer, product, kind, quantity, changes, *rest = row
    parsed = [RowChange(*part.split("\x1f")) for part in changes.split("\x1e") if part]
    return ShownRow(
        int(place),
        int(line),
        sheet,
        int(number),
        int(customer) if customer is not None else None,
        product or "",
        kind,
        int(quantity) if quantity is not None else None,
        parsed,
        *rest,
    )


def _text(value: object) -> str:
    text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return text.replace("\x1e", " ").replace("\x1f", " ")


def _batches(rows: Iterator[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    while batch := list(islice(rows, _AT_ONCE)):
        yield batch
