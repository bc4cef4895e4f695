"""Looks at all of a file before any of its rows is planned.

What a cell means may depend on others: the decimal sign on all rates, whether an id is unique on
all ids. And the account of how the file was read must stand at the beginning of the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from campaigns.errors import InputError
from campaigns.source.amounts import DecimalSign
from campaigns.source.cells import CellReader, ParsedRow, Problem
from campaigns.source.columns import EXPECTED_PREFIX, Columns, find_columns
from campaigns.source.findings import Findings
from campaigns.source.hidden_rows import HiddenRowCount
from campaigns.source.options import ReadOptions
from campaigns.source.read_as import ReadAs
from campaigns.source.sheet import place_name
from campaigns.source.spool import Outcome, RowSpool
from campaigns.source.table import Form, ReadRow, Table


@dataclass(frozen=True, slots=True)
class PriceList:
    """A file that was understood: its rows can be planned."""

    name: str
    form: Form
    columns: Columns
    read_as: ReadAs
    effective: date | None
    _spool: RowSpool
    _conflicts: frozenset[int]

    def rows(self) -> Iterator[tuple[ReadRow, Outcome]]:
        """Each row, and what it asks for or what is wrong with it; None: it repeats another."""
        for row, outcome in self._spool.rows():
            if isinstance(outcome, ParsedRow) and outcome.id in self._conflicts:
                yield row, [_conflict(outcome)]
            else:
                yield row, outcome


@contextmanager
def surveyed(table: Table, options: ReadOptions, *, has_rules: bool) -> Iterator[PriceList]:
    """Read all of the table once; its rows are kept until the block ends.

    `has_rules`: rules change every row, so that no row is without a wish. Raises InputError, with a
    line for each thing of the file as a whole that leaves a doubt.
    """
    columns = find_columns(table.form.columns, options)
    stated = options.decimal
    decimal = DecimalSign(stated, is_stated=True) if stated else DecimalSign()
    with ExitStack() as stack:
        reading = _Reading(table, columns, options, decimal, stack.enter_context(RowSpool()))
        hidden = HiddenRowCount(options)
        with table.rows() as rows:
            reading.add_all(hidden.planned(rows))
        if not stated:
            reading = reading.with_proved_sign(stack)
        faults = [*hidden.faults(), *reading.findings.faults(), *_column_faults(table, columns)]
        if not reading.findings.rows and not hidden.count:
            faults.insert(0, "the file has no rows beside its header")
        if faults:
            raise InputError("\n".join(faults))
        yield reading.price_list(hidden.count, has_rules=has_rules)


class _Reading:
    """All rows, read with one decimal sign."""

    def __init__(
        self,
        table: Table,
        columns: Columns,
        options: ReadOptions,
        decimal: DecimalSign,
        spool: RowSpool,
    ) -> None:
        believed = {f"{EXPECTED_PREFIX}{name}": at for name, at in columns.expected.items()}
        fields = {"id": columns.id, **columns.changes, **believed}
        self.form = replace(table.form, decimal_comma=decimal.sign == ",", fields=fields)
        self.findings = Findings(self.form, columns, options)
        self._table = table
        self._decimal = decimal
        is_guessed = bool(table.facts.get("encoding_is_guessed"))
        self._reader = CellReader(
            self.form, columns, decimal, options.rates, asks_encoding=is_guessed
        )
        self._spool = spool

    def add_all(self, rows: Iterable[ReadRow]) -> None:
        findings, reader, spool = self.findings, self._reader, self._spool
        for row in rows:
            spool.add(row, findings.add(row, reader))

    def with_proved_sign(self, stack: ExitStack) -> _Reading:
        """The kept rows, read again if the rates prove another decimal sign than that used."""
        evidence = self.findings.evidence
        commas_delimit = self.form.is_workbook or self.form.delimiter == ","
        proved = evidence.sign(commas_delimit=commas_delimit)
        if proved.sign == self._decimal.sign and not (proved.is_proved and evidence.is_ambiguous):
            self._decimal = proved
            return self
        columns, options = self.findings.columns, self.findings.options
        again = _Reading(self._table, columns, options, proved, stack.enter_context(RowSpool()))
        again.add_all(row for row, _ in self._spool.rows())
        return again

    def price_list(self, hidden: int, *, has_rules: bool) -> PriceList:
        """`hidden`: how many rows were."""
        table, findings, form = self._table, self.findings, self.form
        if form.kind == "csv" and form.encoding == "utf-8" and findings.example:
            form = replace(form, encoding="utf-8-sig")
        return PriceList(
            table.name,
            form,
            findings.columns,
            _account(table, findings, self._decimal, hidden, has_rules=has_rules),
            findings.effective(),
            self._spool,
            frozenset(findings.conflicts),
        )


def _column_faults(table: Table, columns: Columns) -> Iterator[str]:
    faults = table.column_faults()
    for place in columns.used():
        if place in faults:
            yield faults[place]


def _conflict(row: ParsedRow) -> Problem:
    says = "the id is there several times with different wishes, of which none is planned"
    return Problem(says, row.line, "id", str(row.id), row.sheet)


def _account(
    table: Table, findings: Findings, decimal: DecimalSign, hidden: int, *, has_rules: bool
) -> ReadAs:
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
        rows_hidden=hidden,
        hidden_rows=options.hidden_rows or "",
        rates=options.rates or "",
        currencies=tuple(findings.currencies),
        effective=effective.isoformat() if effective else "",
        options=options.document(),
    )


def _sign_in_words(decimal: DecimalSign) -> str:
    how = "as stated" if decimal.is_stated else "as the rates show" if decimal.is_proved else ""
    return f"{decimal.sign} ({how})" if how else decimal.sign
