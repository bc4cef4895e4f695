"""The products: what is true of them, what a query shows, and which updates were executed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain

from sandbox.contract.schema import Element, Rendered, Values
from sandbox.contract.update_fields import Changes
from sandbox.vendor.habits import FilterLogic, NoDate
from sandbox.vendor.population import Record
from sandbox.vendor.storing import RECORD_NAMES

# What a query shows for no date, if it does not show that there is none.
_MINIMUM_DATE = "0001-01-01"
_DATES = ("Billed_Through_Date", "Canceled_Date", "Activated_Date", "Disconnect_Date")


@dataclass(frozen=True)
class Execution:
    """One update that was carried out, `at` in seconds since the epoch."""

    at: float
    fields: Changes


@dataclass
class Product:
    truth: Record
    shown: Record = field(init=False)
    executions: list[Execution] = field(default_factory=list)
    pending: deque[tuple[float, Record]] = field(default_factory=deque)
    markup: Rendered | None = None
    spoilt: dict[str, str] = field(default_factory=dict)
    """Markup that a query shows as these fields' content, regardless of their values."""

    def __post_init__(self) -> None:
        self.shown = dict(self.truth)


class Products:
    """`monotonic` and `wall` are clocks in seconds; a change shows as many seconds
    after it was made as `read_back_delay` says of it.
    """

    def __init__(
        self,
        population: Iterable[Record],
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        read_back_delay: Callable[[], float] = lambda: 0.0,
        filters: FilterLogic = FilterLogic.AND,
        no_date: NoDate = NoDate.NULL,
    ) -> None:
        self._population = list(population)
        self._monotonic = monotonic
        self._wall = wall
        self._read_back_delay = read_back_delay
        self._filters = filters
        self._no_date = no_date
        self.reset()

    def reset(self) -> None:
        """Back to the population, with nothing executed."""
        self._by_id = {
            int(record["Customer_Product_ID"] or 0): Product(dict(record))
            for record in self._population
        }
        self._by_customer: dict[int, list[int]] = defaultdict(list)
        self._by_line: dict[int, list[int]] = defaultdict(list)
        for product_id, product in self._by_id.items():
            self._by_customer[int(product.truth["Customer_ID"] or 0)].append(product_id)
            self._by_line[int(product.truth["Line_ID"] or 0)].append(product_id)

    def __contains__(self, product_id: int) -> bool:
        return product_id in self._by_id

    def __getitem__(self, product_id: int) -> Product:
        return self._by_id[product_id]

    def ids(self) -> list[int]:
        return list(self._by_id)

    def find(self, ids: list[int], customer_ids: list[int], line_ids: list[int]) -> list[Product]:
        """Those that the given filters let through together; without any filter, all. In the order
        of the first filter given, each once.
        """
        filters = [
            [id_ for id_ in ids if id_ in self._by_id],
            [id_ for customer in customer_ids for id_ in self._by_customer.get(customer, ())],
            [id_ for line in line_ids for id_ in self._by_line.get(line, ())],
        ]
        given = [
            dict.fromkeys(matching)
            for asked, matching in zip((ids, customer_ids, line_ids), filters, strict=True)
            if asked
        ]
        if not given:
            return list(self._by_id.values())
        if self._filters is FilterLogic.OR:
            return [self._by_id[id_] for id_ in dict.fromkeys(chain(*given))]
        first, *others = given if self._filters is FilterLogic.AND else given[:1]
        return [self._by_id[id_] for id_ in first if all(id_ in other for other in others)]

    def update(self, product_id: int, changes: Changes) -> None:
        """Carries out an update and records it."""
        product = self._by_id[product_id]
        product.executions.append(Execution(self._wall(), changes))
        self._change(product, {RECORD_NAMES.get(name, name): changes[name] for name in changes})

    def edit(self, product_id: int, fields: Record) -> None:
        """A change by someone else, under the record's names; no execution is recorded."""
        self._change(self._by_id[product_id], fields)

    def forget_markup(self) -> None:
        """The form of records has changed."""
        for product in self._by_id.values():
            product.markup = None

    def spoil(self, product_id: int, fields: dict[str, str]) -> None:
        """From now on a query shows this markup as the content of these fields; {}: no longer."""
        product = self._by_id[product_id]
        product.spoilt, product.markup = fields, None

    def markup(self, product: Product, element: Element) -> Rendered:
        """The record as a query shows it now."""
        now = self._monotonic()
        while product.pending and product.pending[0][0] <= now:
            product.shown.update(product.pending.popleft()[1])
            product.markup = None
        if product.markup is None:
            shown: Values = {**product.shown}
            if self._no_date is NoDate.MINIMUM:
                shown |= {name: _MINIMUM_DATE for name in _DATES if shown[name] is None}
            product.markup = Rendered(_spoilt(element.write(shown), product.spoilt))
        return product.markup

    def _change(self, product: Product, fields: Record) -> None:
        product.truth.update(fields)
        last = product.pending[-1][0] if product.pending else 0.0
        # A later change never shows before an earlier one.
        product.pending.append((max(self._monotonic() + self._read_back_delay(), last), fields))


def _spoilt(markup: str, fields: dict[str, str]) -> str:
    for name, content in fields.items():
        start, end = f"<{name}>", f"</{name}>"
        before, opened, rest = markup.partition(start)
        _, closed, after = rest.partition(end)
        if not opened or not closed:
            raise ValueError(f"the record shows no {name}")
        markup = f"{before}{start}{content}{end}{after}"
    return markup
