"""Which rows of a plan's index somebody asks for, and the SQL that finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

KIND_SHIFT = 2
GUARDED, NOT_UNDOABLE = 1, 2
"""Bits of a row's `traits`; above them is its kind."""
SORTS: Mapping[str, str] = {
    "line": "place",
    "id": "id",
    "customer": "customer",
    "product": "product",
    "revenue": "revenue",
    "percent": "percent",
}
SORT_NAMES: Mapping[str, str] = {
    "line": "line of the file",
    "id": "product's ID",
    "customer": "customer's ID",
    "product": "description",
    "revenue": "revenue change",
    "percent": "rate change",
}
UNTICKED = "unticked"
FLAGS: Mapping[str, str] = {
    "": "all rows",
    "guarded": "rows a guard rail speaks of",
    "not-undoable": "rows an undo could not put back",
    UNTICKED: "rows that are unticked",
}
_FLAG_CLAUSES = {
    "guarded": f"traits & {GUARDED}",
    "not-undoable": f"traits & {NOT_UNDOABLE}",
    # Unary plus: the rows come in their order and each is looked up, rather than found and sorted.
    UNTICKED: "+row.n IN (SELECT n FROM unticked)",
}


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Which rows, in which order, and which page of them."""

    search: str = ""
    """An ID of a product or customer, or a part of a product's description."""
    kind: str = ""
    flag: str = ""
    sort: str = "line"
    descending: bool = False
    page: int = 1


def where(query: RowQuery) -> tuple[str, list[object]]:
    """The clause of the rows that are meant, and its values."""
    clauses: list[str] = []
    values: list[object] = []
    if search := query.search.strip():
        if search.isascii() and search.isdigit():
            clauses.append("(row.id = ? OR row.customer = ?)")
            values += [int(search[:18])] * 2
        else:
            escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            clauses.append(
                "+product IN (SELECT key FROM product WHERE description LIKE ? ESCAPE '\\')"
            )
            values.append(f"%{escaped}%")
    if query.kind:
        clauses.append("traits >> ? = (SELECT code FROM kind WHERE name = ?)")
        values += [KIND_SHIFT, query.kind]
    if query.flag in _FLAG_CLAUSES:
        clauses.append(_FLAG_CLAUSES[query.flag])
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), values
