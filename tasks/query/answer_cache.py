"""Answers kept for queries that may be a little old, until an update makes them stale."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson

from revio_jobs.errors import Unavailable
from tasks.ports import Filters, PartlyReadable, UnreadableRecord
from tasks.query.parts import Records, by_value, kind_of


class Writes(Protocol):
    """When our own updates last changed products, over all processes. Raises Unavailable."""

    def now(self) -> int:
        """Milliseconds, by the clock of `last`."""

    def last(self, account: str, products: Iterable[int]) -> Mapping[int, int]:
        """When the outcome of each product's latest change was settled, if that is not long ago."""


def lag_left_s(writes: Writes, account: str, lag_s: float, product: int) -> float:
    """For how long a query may still show the product as it was before its latest change.

    `lag_s`: how long a query may lag behind a change. Raises Unavailable.
    """
    changed = writes.last(account, [product]).get(product) if lag_s else None
    return 0.0 if changed is None else max((changed - writes.now()) / 1000 + lag_s, 0.0)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one filter value was answered with."""

    records: bytes
    """JSON."""
    products: tuple[int, ...]
    read_at: float
    """Unix time, seconds, before the call was made."""
    read_at_ms: int
    """By the clock of the writes."""


_Key = tuple[str, str, int]
"""Account, kind of filter and value."""


class Answers:
    """Remembers answers value by value, the latest of them, up to a size. For all threads.

    What an update changes shows in answers about the product, its line and its customer: all those
    in which the product appears. They are stale from the moment in which the update's outcome can
    be known, so nobody who has seen an update applied is shown the product as it was before. Where
    queries lag behind, what was read so soon after a change is not kept for long either.
    """

    def __init__(
        self,
        writes: Writes,
        most_bytes: int,
        lags_s: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`lags_s`: by account, how long a query may lag behind a change; `clock`: Unix time, s."""
        self._writes = writes
        self._most_bytes = most_bytes
        self._lags_s = lags_s or {}
        self._clock = clock
        self._kept: OrderedDict[_Key, _Answer] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def reading(self, account: str, max_age_s: int, query: Callable[[Filters], Records]) -> Reading:
        """For one job."""
        return Reading(self, account, max_age_s, query, self._clock)

    def find(
        self, account: str, kind: str, values: Iterable[int], max_age_s: int
    ) -> dict[int, tuple[Records, float]]:
        """By value, what is known and still true, and its age's beginning (Unix time, seconds)."""
        oldest = self._clock() - max_age_s
        with self._lock:
            known = {value: self._kept.get((account, kind, value)) for value in values}
        young = {value: each for value, each in known.items() if each and each.read_at >= oldest}
        products = {product for each in young.values() for product in each.products}
        try:
            written = self._writes.last(account, products) if products else {}
        except Unavailable:
            return {}
        lag_ms = self._lags_s.get(account, 0.0) * 1000
        shown = {product: at + lag_ms for product, at in written.items()}
        return {
            value: (orjson.loads(each.records), each.read_at)
            for value, each in young.items()
            if all(shown.get(product, -1) < each.read_at_ms for product in each.products)
        }

    def now(self) -> int | None:
        """What `keep` needs, to be asked before the call. None: nothing can be kept now."""
        try:
            return self._writes.now()
        except Unavailable:
            return None

    def keep(
        self,
        account: str,
        kind: str,
        answers: Mapping[int, Records],
        read_at: float,
        read_at_ms: int,
    ) -> None:
        """`answers` by value."""
        for value, records in answers.items():
            products = dict.fromkeys(each["customer_product_id"] for each in records)
            if kind == "ids":
                products[value] = None
            answer = _Answer(orjson.dumps(records), tuple(products), read_at, read_at_ms)
            with self._lock:
                self._replace((account, kind, value), answer)

    def _replace(self, key: _Key, answer: _Answer) -> None:
        if old := self._kept.pop(key, None):
            self._bytes -= len(old.records)
        self._kept[key] = answer
        self._bytes += len(answer.records)
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.records)


class Reading:
    """How one job reads: from answers that are young enough, and else by calls."""

    def __init__(
        self,
        answers: Answers,
        account: str,
        max_age_s: int,
        query: Callable[[Filters], Records],
        clock: Callable[[], float],
    ) -> None:
        self._answers = answers
        self._account = account
        self._max_age_s = max_age_s
        self._query = query
        self._clock = clock
        self._asked_at: list[float] = []
        self._ages: list[float] = []
        self.unreadable: list[UnreadableRecord] = []
        """Records that came and could not be read; they are in no answer."""

    @property
    def calls(self) -> int:
        """Vendor calls that it took part in."""
        return len(self._asked_at)

    @property
    def read_at(self) -> float:
        """Unix time, seconds: nothing of it is older."""
        return min(self._asked_at + self._ages, default=self._clock())

    def query(self, part: Filters) -> Records:
        """Raises as the gateway does, but not PartlyReadable: what that says is in `unreadable`."""
        kind, values = kind_of(part)
        if not self._max_age_s or kind is None:
            return self._call(part)
        known = self._answers.find(self._account, kind, values, self._max_age_s)
        found = {value: records for value, (records, _) in known.items()}
        self._ages += [read_at for _, read_at in known.values()]
        if rest := tuple(value for value in values if value not in known):
            found |= self._call_and_keep(kind, rest)
        return [record for value in values for record in found[value]]

    def _call(self, part: Filters) -> Records:
        asked_at = self._clock()
        try:
            records = self._query(part)
        except PartlyReadable as exc:
            records = exc.records
            self.unreadable += exc.unreadable
        self._asked_at.append(asked_at)
        return records

    def _call_and_keep(self, kind: str, values: tuple[int, ...]) -> dict[int, Records]:
        read_at, read_at_ms = self._clock(), self._answers.now()
        found = by_value(kind, self._call(Filters(**{kind: values})))
        answers = {value: found[value] for value in values}
        spoilt = {fault.value_of(kind) for fault in tuple(self.unreadable)}
        whole = {value: known for value, known in answers.items() if value not in spoilt}
        if read_at_ms is not None:
            self._answers.keep(self._account, kind, whole, read_at, read_at_ms)
        return answers
