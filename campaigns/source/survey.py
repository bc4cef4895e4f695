"""Looks at all of a file before any of its rows is planned.

What a cell means may depend on others: the decimal sign on all rates, whether an id is unique on
all ids. And the account of how the file was read must stand at the beginning of the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from campaigns.errors import InputError
from campaigns.source.amounts import DecimalEvidence, DecimalSign
from campaigns.source.cells import CellReader, ParsedRow, Problem
from campaigns.source.columns import Columns, find_columns
from campaigns.source.options import HiddenRows, ReadOptions
from campaigns.source.read_as import ReadAs
from campaigns.source.sheet import place_name
from campaigns.source.table import OUTCOME_PREFIX, CellKind, Form, ReadRow, Table
from campaigns.source.wishes import FirstWishes

_SHOWN_LINES = 5
_EXAMPLE_CHARACTERS = 40
_WHOLE_CENTS = 2
# A sheet has at most 2^20 rows; lines of several sheets are kept apart in one number.
_SHEET_BITS = 21
_CENTS = 100


@dataclass(frozen=True, slots=True)
class PriceList:
    """A file that was understood: its rows can be planned."""

    name: str
    form: Form
    columns: Columns
    read_as: ReadAs
    effective: date | None
    _table: Table
    _reader: CellReader
    _skips_hidden: bool
    _conflicts: frozenset[int]

    @contextmanager
    def rows(self) -> Iterator[Iterator[tuple[ReadRow, ParsedRow | list[Problem] | None]]]:
        """Each row, and what it asks for or what is wrong with it; None: it repeats another."""
        with self._table.rows() as rows:
            yield self._parsed(rows)

    def _parsed(
        self, rows: Iterator[ReadRow]
    ) -> Iterator[tuple[ReadRow, ParsedRow | list[Problem] | None]]:
        seen = FirstWishes()
        for number, row in enumerate(rows, start=1):
            if row.is_hidden and self._skips_hidden:
                continue
            parsed = self._reader.read(row)
            if isinstance(parsed, list):
                yield row, parsed
            elif parsed.id in self._conflicts:
                yield row, [_conflict(parsed)]
            elif seen.note(parsed.id, number, 0)[0] != number:
                yield row, None
            else:
                yield row, parsed


def survey(table: Table, options: ReadOptions, *, has_rules: bool) -> PriceList:
    """Read all of the table once.

    `has_rules`: rules change every row, so that no row is without a wish. Raises InputError, with a
    line for each thing of the file as a whole that leaves a doubt.
    """
    columns = find_columns(table.form.columns, options)
    stated = options.decimal
    decimal = DecimalSign(stated, is_stated=True) if stated else DecimalSign()
    reader, look = _look(table, columns, options, decimal)
    commas_delimit = table.form.is_workbook or table.form.delimiter == ","
    proved = decimal if stated else look.evidence.sign(commas_delimit=commas_delimit)
    if proved.sign != decimal.sign or (proved.is_proved and look.evidence.is_ambiguous):
        reader, look = _look(table, columns, options, proved)
    decimal, form = proved, reader.form
    faults = [*look.faults(), *_column_faults(table, columns)]
    if faults:
        raise InputError("\n".join(faults))
    if form.kind == "csv" and form.encoding == "utf-8" and look.example:
        form = replace(form, encoding="utf-8-sig")
    return PriceList(
        table.name,
        form,
        columns,
        _account(table, look, decimal, has_rules=has_rules),
        look.effective(),
        table,
        replace(reader, form=form),
        options.hidden_rows is HiddenRows.SKIP,
        frozenset(look.conflicts),
    )


def _look(
    table: Table, columns: Columns, options: ReadOptions, decimal: DecimalSign
) -> tuple[CellReader, _Look]:
    """All rows, read with that decimal sign."""
    fields = {"id": columns.id, **columns.changes}
    form = replace(table.form, decimal_comma=decimal.sign == ",", fields=fields)
    is_guessed = bool(table.facts.get("encoding_is_guessed"))
    reader = CellReader(form, columns, decimal, options.rates, asks_encoding=is_guessed)
    look = _Look(form, columns, options)
    with table.rows() as rows:
        for row in rows:
            look.at(row, reader)
    return reader, look


@dataclass
class _Look:
    """Grows with `at`."""

    form: Form
    columns: Columns
    options: ReadOptions
    rows: int = 0
    without_wish: int = 0
    repeated: int = 0
    hidden: int = 0
    hidden_lines: list[str] = field(default_factory=list)
    example: str = ""
    conflicts: set[int] = field(default_factory=set)
    days: dict[date | None, str] = field(default_factory=dict)
    """The days from which rows are meant to hold, each with the first row that names it."""
    cents: set[int] = field(default_factory=set)
    """Columns beside the rate that could be its cents in every row so far."""
    last_line: int = 0
    widest: int = 0
    evidence: DecimalEvidence = field(default_factory=DecimalEvidence)
    """Of the decimal sign of rates, new ones and believed ones."""
    _wishes: FirstWishes = field(default_factory=FirstWishes)
    _sheets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        place = self.columns.changes.get("rate")
        beside = None if place is None else place + 1
        if beside is not None and self._could_hold_cents(beside):
            self.cents.add(beside)

    def at(self, row: ReadRow, reader: CellReader) -> None:
        """One more row."""
        if row.is_hidden:
            self.hidden += 1
            if len(self.hidden_lines) < _SHOWN_LINES:
                self.hidden_lines.append(_place(row.line, row.sheet))
            if self.options.hidden_rows is HiddenRows.SKIP:
                return
        self.rows += 1
        self.last_line = row.line
        self.widest = max(self.widest, len(row.cells))
        if not self.example:
            odd = (cell for cell in row.cells if not cell.isascii())
            self.example = next(odd, "")[:_EXAMPLE_CHARACTERS]
        self._look_for_cents(row)
        self._look_for_decimals(row)
        parsed = reader.read(row)
        if isinstance(parsed, ParsedRow):
            self._note(parsed)

    def effective(self) -> date | None:
        """The day that all rows name."""
        return next(iter(self.days), None) if self.columns.effective is not None else None

    def faults(self) -> Iterator[str]:
        """A line for each thing that leaves a doubt."""
        if not self.rows and not self.hidden:
            yield "the file has no rows beside its header"
        if self.hidden and self.options.hidden_rows is None:
            lines = ", ".join(self.hidden_lines)
            more = ", …" if self.hidden > len(self.hidden_lines) else ""
            yield (
                f"{self.hidden:,} rows are hidden, or left out by a filter ({lines}{more}): say "
                "whether they are meant with --hidden-rows plan or --hidden-rows skip"
            )
        if len(self.days) > 1:
            named = "; ".join(f"{day or 'no day'} in {place}" for day, place in self.days.items())
            title = self.form.columns[self.columns.effective or 0]
            yield f"the rows name different days in {title} ({named}): plan each day's rows apart"
        for place in self.cents if self.rows else ():
            rate = self.form.columns[self.columns.changes["rate"]]
            title = self.form.columns[place]
            yield (
                f"all of {rate} is whole, and {title!r} beside it could be its cents: if a comma "
                f'has cut the rates, mend them; if not, give --ignore-column "{title}"'
                if place not in self.columns.changes.values()
                else f"all of {rate} is whole, and {title!r} beside it could be its cents: if a "
                f'comma has cut the rates, mend them; if not, give --map "{title}={title}"'
            )

    def _note(self, row: ParsedRow) -> None:
        if self.columns.effective is not None:
            self.days.setdefault(row.effective, _place(row.line, row.sheet))
        first, is_same = self._wishes.note(row.id, self._number(row), _mark(row))
        if first == self._number(row):
            self.without_wish += not row.has_wish
        elif is_same:
            self.repeated += 1
        else:
            self.conflicts.add(row.id)

    def _look_for_decimals(self, row: ReadRow) -> None:
        for places in (self.columns.changes, self.columns.expected):
            place = places.get("rate", len(row.cells))
            if place < len(row.cells) and row.kind(place) is not CellKind.NUMBER:
                self.evidence.add(row.cells[place].strip())

    def _number(self, row: ParsedRow) -> int:
        if not row.sheet:
            return row.line
        if row.sheet not in self._sheets:
            self._sheets.append(row.sheet)
        return (self._sheets.index(row.sheet) << _SHEET_BITS) + row.line

    def _could_hold_cents(self, place: int) -> bool:
        return (
            place < self.columns.width
            and place not in self.columns.ignored
            and place not in self.columns.stated
            and not self.form.columns[place].lower().startswith(OUTCOME_PREFIX)
            and (place not in self.columns.used() or self.form.delimiter == ",")
        )

    def _look_for_cents(self, row: ReadRow) -> None:
        for place in tuple(self.cents):
            pair = row.cells[place - 1 : place + 1]
            if len(pair) < _WHOLE_CENTS or not any(cell.strip() for cell in pair):
                continue
            rate, cents = (cell.strip() for cell in pair)
            if row.kinds or not (rate.lstrip("+-").isdecimal() and _is_cents(cents)):
                self.cents.discard(place)


def _is_cents(text: str) -> bool:
    return text.isdecimal() and len(text) == _WHOLE_CENTS


def _column_faults(table: Table, columns: Columns) -> Iterator[str]:
    faults = table.column_faults()
    for place in columns.used():
        if place in faults:
            yield faults[place]


def _conflict(row: ParsedRow) -> Problem:
    says = "the id is there several times with different wishes, of which none is planned"
    return Problem(says, row.line, "id", str(row.id), row.sheet)


def _mark(row: ParsedRow) -> int:
    """A number that stands for what the row asks for: equal amounts are equal however written."""
    wish: list[Any] = [row.clear, row.effective]
    for name, value in row.changes.items():
        wish.append((name, value.normalize() if isinstance(value, Decimal) else value))
    return hash(repr(wish))


def _account(table: Table, look: _Look, decimal: DecimalSign, *, has_rules: bool) -> ReadAs:
    columns, options, effective = look.columns, look.options, look.effective()
    titles = table.form.columns
    used = columns.used()
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in table.facts.items()
    }
    area = ""
    if table.form.is_workbook and look.rows:
        area = f"A{table.header_line}:{place_name(look.widest - 1)}{look.last_line}"
    has_amounts = {"rate"} & {*columns.changes, *columns.expected}
    return ReadAs(
        **facts,
        range=area,
        header_line=table.header_line,
        encoding_example=look.example if facts.get("encoding_is_guessed") else "",
        decimal=_sign_in_words(decimal) if has_amounts else "",
        thousands={".": ",", ",": "."}[decimal.sign] if decimal.is_stated else "",
        used={titles[place]: name for place, name in used.items()},
        carried=tuple(title for place, title in enumerate(titles) if place not in used),
        rows=look.rows,
        rows_without_wish=0 if has_rules else look.without_wish,
        rows_repeated=look.repeated,
        rows_hidden=look.hidden,
        hidden_rows=options.hidden_rows or "",
        rates=options.rates or "",
        effective=effective.isoformat() if effective else "",
        options=options.document(),
    )


def _sign_in_words(decimal: DecimalSign) -> str:
    how = "as stated" if decimal.is_stated else "as the rates show" if decimal.is_proved else ""
    return f"{decimal.sign} ({how})" if how else decimal.sign


def _place(line: int, sheet: str) -> str:
    return f"{sheet} line {line}" if sheet else f"line {line}"
