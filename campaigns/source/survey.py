"""Looks at all of a file before any of its rows is planned.

What a cell means may depend on others: the decimal sign on all rates, whether an id is unique on
all ids. And the account of how the file was read must stand at the beginning of the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from campaigns.errors import InputError
from campaigns.source.amounts import DecimalSign
from campaigns.source.cells import CellReader, ParsedRow, Problem
from campaigns.source.columns import Columns, find_columns
from campaigns.source.findings import Findings
from campaigns.source.options import HiddenRows, ReadOptions
from campaigns.source.read_as import ReadAs
from campaigns.source.sheet import place_name
from campaigns.source.table import Form, ReadRow, Table
from campaigns.source.wishes import FirstWishes


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
    _has_repeats: bool

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
            elif self._has_repeats and seen.note(parsed.id, number, 0)[0] != number:
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
    reader, findings = _read_all(table, columns, options, decimal)
    commas_delimit = table.form.is_workbook or table.form.delimiter == ","
    proved = decimal if stated else findings.evidence.sign(commas_delimit=commas_delimit)
    if proved.sign != decimal.sign or (proved.is_proved and findings.evidence.is_ambiguous):
        reader, findings = _read_all(table, columns, options, proved)
    decimal, form = proved, reader.form
    faults = [*findings.faults(), *_column_faults(table, columns)]
    if faults:
        raise InputError("\n".join(faults))
    if form.kind == "csv" and form.encoding == "utf-8" and findings.example:
        form = replace(form, encoding="utf-8-sig")
    return PriceList(
        table.name,
        form,
        columns,
        _account(table, findings, decimal, has_rules=has_rules),
        findings.effective(),
        table,
        replace(reader, form=form),
        options.hidden_rows is HiddenRows.SKIP,
        frozenset(findings.conflicts),
        findings.repeated > 0,
    )


def _read_all(
    table: Table, columns: Columns, options: ReadOptions, decimal: DecimalSign
) -> tuple[CellReader, Findings]:
    """All rows, read with that decimal sign."""
    fields = {"id": columns.id, **columns.changes}
    form = replace(table.form, decimal_comma=decimal.sign == ",", fields=fields)
    is_guessed = bool(table.facts.get("encoding_is_guessed"))
    reader = CellReader(form, columns, decimal, options.rates, asks_encoding=is_guessed)
    findings = Findings(form, columns, options)
    with table.rows() as rows:
        for row in rows:
            findings.add(row, reader)
    return reader, findings


def _column_faults(table: Table, columns: Columns) -> Iterator[str]:
    faults = table.column_faults()
    for place in columns.used():
        if place in faults:
            yield faults[place]


def _conflict(row: ParsedRow) -> Problem:
    says = "the id is there several times with different wishes, of which none is planned"
    return Problem(says, row.line, "id", str(row.id), row.sheet)


def _account(table: Table, findings: Findings, decimal: DecimalSign, *, has_rules: bool) -> ReadAs:
    columns, options, effective = findings.columns, findings.options, findings.effective()
    titles = table.form.columns
    used = columns.used()
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in table.facts.items()
    }
    area = ""
    if table.form.is_workbook and findings.rows:
        area = f"A{table.header_line}:{place_name(findings.widest - 1)}{findings.last_line}"
    has_amounts = {"rate"} & {*columns.changes, *columns.expected}
    return ReadAs(
        **facts,
        range=area,
        header_line=table.header_line,
        encoding_example=findings.example if facts.get("encoding_is_guessed") else "",
        decimal=_sign_in_words(decimal) if has_amounts else "",
        thousands={".": ",", ",": "."}[decimal.sign] if decimal.is_stated else "",
        used={titles[place]: name for place, name in used.items()},
        carried=tuple(title for place, title in enumerate(titles) if place not in used),
        rows=findings.rows,
        rows_without_wish=0 if has_rules else findings.without_wish,
        rows_repeated=findings.repeated,
        rows_hidden=findings.hidden,
        hidden_rows=options.hidden_rows or "",
        rates=options.rates or "",
        currencies=tuple(findings.currencies),
        effective=effective.isoformat() if effective else "",
        options=options.document(),
    )


def _sign_in_words(decimal: DecimalSign) -> str:
    how = "as stated" if decimal.is_stated else "as the rates show" if decimal.is_proved else ""
    return f"{decimal.sign} ({how})" if how else decimal.sign
