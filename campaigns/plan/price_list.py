"""Opens price lists, of whatever kind of file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from campaigns.errors import InputError
from campaigns.plan.plan_file import is_plan
from campaigns.rules.rules import Rules
from campaigns.source.csv_file import open_csv_table
from campaigns.source.file_kind import kind_of
from campaigns.source.options import ReadOptions
from campaigns.source.survey import PriceList, surveyed
from campaigns.source.table import Table
from campaigns.source.workbook import open_workbook_table
from revio_jobs.contracts import CHANGE_NAMES


@contextmanager
def open_price_list(path: Path, options: ReadOptions, rules: Rules) -> Iterator[PriceList]:
    """A file, looked at as a whole. Raises InputError that names the file."""
    with ExitStack() as kept:
        with open_table(path, options) as table:
            has_rules = bool(rules.sets)
            prices = kept.enter_context(surveyed(table, options, has_rules=has_rules))
            _check_changes(prices, rules)
        yield prices


@contextmanager
def open_table(path: Path, options: ReadOptions) -> Iterator[Table]:
    """A file's header and rows. Raises InputError that names the file."""
    if not path.is_file():
        what = f"{path} is a directory" if path.is_dir() else f"there is no file {path}"
        raise InputError(what)
    if is_plan(path):
        raise InputError(f"{path} is a plan already; `revio campaign review` shows it")
    try:
        with _opened(path, options) as table:
            yield table
    except InputError as exc:
        lines = str(exc).splitlines()
        raise InputError("\n".join(f"{path.name}: {line}" for line in lines)) from exc


def _check_changes(prices: PriceList, rules: Rules) -> None:
    if not prices.columns.changes and not rules.sets:
        names = ", ".join(CHANGE_NAMES)
        raise InputError(f"no column says what to change: name one {names}, or give --set")


def _opened(path: Path, options: ReadOptions) -> AbstractContextManager[Table]:
    kind = kind_of(path)
    if kind == "csv":
        return nullcontext(open_csv_table(path, options))
    return open_workbook_table(path, kind, options)
