"""Plans rows: reads current values in batches, and writes each row with its before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeVar

from campaigns.guard_rails.rails import Breach, forbidden
from campaigns.output.problem_file import ProblemBook, ProblemFile
from campaigns.plan.diff import NOT_EXPECTED, Policy, plan_row
from campaigns.plan.plan_file import PlanWriter
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.rules.rules import ROUNDED_AGAINST
from campaigns.source.cell_values import CellError
from campaigns.source.cell_values import product_id as read_id
from campaigns.source.cells import ParsedRow, Problem
from campaigns.source.survey import PriceList
from campaigns.source.table import CellKind, ReadRow
from revio_jobs import CustomerProduct, UnreadableProduct

T = TypeVar("T")


class Reader(Protocol):
    """Reads current values."""

    ids_per_call: int

    def by_id(
        self, batches: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], Mapping[int, CustomerProduct | UnreadableProduct]]]:
        """Each batch with its products by id, or why one cannot be read, in the batches' order."""

    def by_customer(
        self, customers: Sequence[int]
    ) -> Iterator[CustomerProduct | UnreadableProduct]:
        """All products of those customers, or why one cannot be read."""

    def by_line(self, lines: Sequence[int]) -> Iterator[CustomerProduct | UnreadableProduct]:
        """All products on those lines."""


@dataclass
class RowPlanner:
    """Plans rows into `writer` and collects their problems."""

    writer: PlanWriter
    policy: Policy
    book: ProblemBook = field(default_factory=ProblemBook)
    problem_file: ProblemFile | None = None
    on_row: Callable[[PlannedRow], None] = lambda _: None
    """Called with each row as it is written."""

    def plan_price_list(self, prices: PriceList, reader: Reader) -> None:
        """The rows of a file. Raises InputError, and RevioError when values cannot be read."""
        self.plan_rows(self._without_faults(prices), reader)

    def plan_rows(self, rows: Iterable[ParsedRow], reader: Reader) -> int:
        """Rows whose products are named; returns how many there were."""
        waiting: dict[int, ParsedRow] = {}

        def batches() -> Iterator[list[int]]:
            for batch in _batches(rows, reader.ids_per_call):
                waiting.update({row.id: row for row in batch})
                yield [row.id for row in batch]

        count = 0
        for batch, products in reader.by_id(batches()):
            for product_id in batch:
                self._add(plan_row(waiting.pop(product_id), products.get(product_id), self.policy))
                count += 1
        return count

    def plan_products(self, products: Iterable[CustomerProduct | UnreadableProduct]) -> None:
        """Those products, as the rules want them."""
        for product in products:
            product_id = product.customer_product_id or 0
            row = ParsedRow(0, product_id, cells=(str(product_id),))
            self._add(plan_row(row, product, self.policy))

    def forbidden(self) -> list[Breach]:
        """The guard rails that the plan as a whole must not cross; those it may, it remembers."""
        summary = self.writer.summary
        if not summary.changes:
            return []
        breaches = self.policy.rails.plan_breaches(
            summary.changes,
            summary.before,
            summary.after,
            is_certified=self.policy.is_certified,
        )
        summary.crossed = {breach.rail.value: breach.says for breach in breaches}
        return forbidden(breaches, self.policy.overrides)

    def _without_faults(self, prices: PriceList) -> Iterator[ParsedRow]:
        for raw, row in prices.rows():
            if isinstance(row, ParsedRow):
                yield row
                continue
            product = _id_of(raw, prices.columns.id)
            if row is None:
                self._write(
                    PlannedRow(
                        RowClass.REPEATED, raw.line, product, cells=raw.cells, sheet=raw.sheet
                    )
                )
            else:
                self._note(row, raw, product)

    def _note(self, problems: Sequence[Problem], raw: ReadRow, product: int) -> None:
        for problem in problems:
            self.book.note(problem)
        says = tuple(
            f"{problem.kind}: {problem.value}" if problem.value else problem.kind
            for problem in problems
        )
        self._write(
            PlannedRow(
                RowClass.PROBLEM, raw.line, product, says=says, cells=raw.cells, sheet=raw.sheet
            )
        )
        if self.problem_file:
            self.problem_file.write(raw.cells, "; ".join(says), _doubtful(raw))

    def _add(self, row: PlannedRow) -> None:
        self._write(row)
        if row.kind not in {RowClass.PROBLEM, RowClass.STOPPED}:
            return
        for message in row.says:
            self.book.note(_problem(row, message))
        if self.problem_file:
            self.problem_file.write(row.cells, "; ".join(row.says))

    def _write(self, row: PlannedRow) -> None:
        self.writer.add(row)
        self.on_row(row)


def _id_of(row: ReadRow, place: int) -> int:
    """Of a faulty row, whose id may be what is wrong; then 0."""
    with suppress(CellError, IndexError):
        return read_id(row.cells[place]) or 0
    return 0


def _doubtful(row: ReadRow) -> list[int]:
    """Places of texts with a point: as a number, each would have a meaning that nobody chose."""
    return [
        place
        for place, cell in enumerate(row.cells)
        if "." in cell and row.kind(place) is not CellKind.NUMBER
    ]


def _problem(row: PlannedRow, message: str) -> Problem:
    if row.kind is RowClass.STOPPED:
        rail, _, words = message.partition(": ")
        what, value = f"stopped by the guard rail {rail}", f"{row.id}, {words}"
    elif NOT_EXPECTED in message:
        name, _, words = message.partition(NOT_EXPECTED)
        what, value = f"{name} is not as expected", f"{row.id}, {words}"
    elif message.startswith(ROUNDED_AGAINST):
        what, value = (
            ROUNDED_AGAINST.rstrip(": "),
            f"{row.id}, {message.removeprefix(ROUNDED_AGAINST)}",
        )
    else:
        what, value = message, str(row.id)
    return Problem(what, row.line, "id", value, row.sheet)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
