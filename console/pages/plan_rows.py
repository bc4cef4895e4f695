"""The rows of a plan's review: a page of them, and the ticks by which somebody leaves rows out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from console.pages.plan_record import begin, new_record, record_of
from console.plans.record import LEFT_OUT, PLAN, Record
from console.plans.row_index import RowIndex
from console.plans.row_query import FLAGS, SORT_NAMES, SORTS, UNTICKED, RowQuery
from console.plans.tick_store import TickStore
from console.visit import NotFound, Refused, Visit

_PAGES = 100_000_000
_FIELDS = ("search", "kind", "flag", "sort", "down", "page")


def show_rows(visit: Visit) -> Response:
    """The table of rows alone, for a page that is open; its address then says which rows."""
    query = row_query(visit.query)
    response = _part(visit, query)
    response.headers["HX-Push-Url"] = _address(visit, visit.params["plan"], query)
    return response


def change_ticks(visit: Visit) -> Response:
    """Keep the ticks of the form's rows; or tick, or untick, all rows that its filter finds.

    Raises Refused for a filter that does not exist: without it every row would be found.
    """
    if visit.text("flag") not in FLAGS:
        raise Refused("There is no such filter of rows: reload the page. Nothing was done.")
    record, query = record_of(visit), row_query(_form(visit))
    ticks = _ticks(visit, record)
    match visit.text("do"):
        case "untick":
            ticks.untick_found(query)
        case "tick":
            ticks.tick_found(query)
        case _:
            ticks.set(_places(visit, "shown"), _places(visit, "ticked"))
    if visit.text("part"):
        return _part(visit, query)
    return RedirectResponse(_address(visit, record.directory.name, query), HTTPStatus.SEE_OTHER)


def plan_without(visit: Visit) -> Response:
    """A new plan without the unticked rows, which needs an approval of its own."""
    old, record = record_of(visit), new_record(visit)
    ticks = _ticks(visit, old)
    if not record.is_asked:
        if not ticks.count():
            raise Refused("Every row is ticked: untick those that are to be left out first.")
        with record.file(LEFT_OUT).open("w", encoding="ascii") as file:
            file.writelines(f"{product}\n" for product in ticks.products())
            file.flush()
            os.fsync(file.fileno())
    wanted = old.wanted
    return begin(
        visit,
        record,
        name=(visit.text("name") or wanted.name)[:100],
        kind="without",
        replaces=old,
        of_plan=old.directory.name,
    )


def rows_of(visit: Visit, record: Record, query: RowQuery) -> dict[str, Any]:
    """What the template of a page of rows shows."""
    index, ticks = RowIndex.of(record), TickStore.of(record, visit.name)
    rows = index.find(query, ticks.path)

    def address(page: int) -> str:
        return _address(visit, record.directory.name, query, page=page)

    return {
        "rows": rows,
        "kinds": index.kinds(),
        "row_query": query,
        "parts": _parts(query),
        "filter_words": _filter_in_words(query),
        "flags": FLAGS,
        "sorts": SORT_NAMES,
        "address": address,
        "unticked": ticks.among([row.n for row in rows.rows]),
        "unticked_count": ticks.count(),
        "is_unticked_shown": query.flag == UNTICKED,
    }


def row_query(given: Mapping[str, Any]) -> RowQuery:
    """Of a query string or a form; what makes no sense is as if it were not there."""
    text = {name: str(given.get(name) or "") for name in _FIELDS}
    page = text["page"]
    is_number = page.isascii() and page.isdigit() and int(page[:9]) < _PAGES
    return RowQuery(
        search=text["search"][:200],
        kind=text["kind"],
        flag=text["flag"] if text["flag"] in FLAGS else "",
        sort=text["sort"] if text["sort"] in SORTS else "line",
        descending=text["down"] == "1",
        page=int(page[:9]) if is_number else 1,
    )


def _address(visit: Visit, plan: str, query: RowQuery, **changes: Any) -> str:  # noqa: ANN401 - parts of a query string
    parts = urlencode(_parts(query, **changes))
    return f"{visit.at(f'plans/{plan}')}?{parts}#rows"


def _filter_in_words(query: RowQuery) -> list[str]:
    """Which rows, for a page on paper, where the form's fields do not show."""
    words = {
        f"“{query.search}” as an ID or in the description": query.search,
        f"the kind {query.kind}": query.kind,
        FLAGS[query.flag]: query.flag,
    }
    return [text for text, is_asked in words.items() if is_asked]


def _part(visit: Visit, query: RowQuery) -> Response:
    record = record_of(visit)
    _check_rows(record)
    return visit.page("plan_rows.html.j2", wanted=record.wanted, **rows_of(visit, record, query))


def _ticks(visit: Visit, record: Record) -> TickStore:
    _check_rows(record)
    return TickStore.of(record, visit.name)


def _check_rows(record: Record) -> None:
    if not record.file(PLAN).exists():
        raise NotFound("This plan has no rows.")


def _parts(query: RowQuery, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a query string
    """What of the query is not as it is anyway."""
    parts = {
        "search": query.search,
        "kind": query.kind,
        "flag": query.flag,
        "sort": query.sort,
        "down": "1" if query.descending else "",
        "page": query.page,
        **changes,
    }
    usual = {"sort": "line", "page": 1}
    return {
        name: value
        for name, value in parts.items()
        if value not in {"", None} and value != usual.get(name)
    }


def _form(visit: Visit) -> dict[str, str]:
    return {name: visit.text(name) for name in _FIELDS}


def _places(visit: Visit, field: str) -> list[int]:
    texts = [value for value in visit.form.getlist(field) if isinstance(value, str)]
    return [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 10]  # noqa: PLR2004
