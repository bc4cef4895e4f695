"""A cache of answers for queries with a `max_age`, invalidated by updates."""

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
    """When updates of any process last changed products. Every method raises Unavailable."""

    def now(self) -> int:
        """Milliseconds, by the clock of `last`."""

    def last(self, account: str, products: Iterable[int]) -> Mapping[int, int]:
        """When each product's latest change was settled; without those changed long ago."""


def lag_left_s(writes: Writes, account: str, lag_s: float, product: int) -> float:
    """Seconds for which a query may still show the product as it was before its latest change.

    `lag_s`: how long a query may lag behind a change. Raises Unavailable.
    """
    changed = writes.last(account, [product]).get(product) if lag_s else None
    return 0.0 if changed is None else max((changed - writes.now()) / 1000 + lag_s, 0.0)


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer to one filter value."""

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
    """Caches answers per filter value, least recently stored out first. Thread-safe.

    An update makes stale every answer in which its product appears: those about the product, its
    line and its customer. They are stale from the moment at which the update's outcome can be
    known, so a caller that has seen an update applied is never given an older answer. Where queries
    lag behind updates, an answer that was read during the lag is stale, too.
    """

    def __init__(
        self,
        writes: Writes,
        most_bytes: int,
        lags_s: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`lags_s`: seconds, by account, for which a query may lag behind; `clock`: Unix time."""
        self._writes = writes
        self._most_bytes = most_bytes
        self._lags_s = lags_s or {}
        self._clock = clock
        self._cached: OrderedDict[_Key, _Answer] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def reading(self, account: str, max_age_s: int, query: Callable[[Filters], Records]) -> Reading:
        """How one job reads."""
        return Reading(self, account, max_age_s, query, self._clock)

    def find(
        self, account: str, kind: str, values: Iterable[int], max_age_s: int
    ) -> dict[int, tuple[Records, float]]:
        """By value, cached records that are young enough and not stale, and when they were read."""
        oldest = self._clock() - max_age_s
        with self._lock:
            known = {value: self._cached.get((account, kind, value)) for value in values}
        young = {
            value: answer for value, answer in known.items() if answer and answer.read_at >= oldest
        }
        products = {product for answer in young.values() for product in answer.products}
        try:
            written = self._writes.last(account, products) if products else {}
        except Unavailable:
            return {}
        lag_ms = self._lags_s.get(account, 0.0) * 1000
        visible = {product: at + lag_ms for product, at in written.items()}
        return {
            value: (orjson.loads(answer.records), answer.read_at)
            for value, answer in young.items()
            if all(visible.get(product, -1) < answer.read_at_ms for product in answer.products)
        }

    def now(self) -> int | None:
        """The time that `keep` needs, read before the call; None if nothing can be cached now."""
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
        """Cache `answers`, given by value."""
        for value, records in answers.items():
            products = dict.fromkeys(record["customer_product_id"] for record in records)
            if kind == "ids":
                products[value] = None
            answer = _Answer(orjson.dumps(records), tuple(products), read_at, read_at_ms)
            with self._lock:
                self._replace((account, kind, value), answer)

    def _replace(self, key: _Key, answer: _Answer) -> None:
        if old := self._cached.pop(key, None):
            self._bytes -= len(old.records)
        self._cached[key] = answer
        self._bytes += len(answer.records)
        while self._bytes > self._most_bytes:
            _, oldest = self._cached.popitem(last=False)
            self._bytes -= len(oldest.records)


class Reading:
    """Reads for one job: from cached answers that are young enough, and otherwise by calls."""

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
        """The vendor calls that this job took part in."""
        return len(self._asked_at)

    @property
    def read_at(self) -> float:
        """Unix time, seconds: no part of the result is older."""
        return min(self._asked_at + self._ages, default=self._clock())

    def query(self, part: Filters) -> Records:
        """Raises as the gateway does, but not PartlyReadable: what that says is in `unreadable`."""
        kind, values = kind_of(part)
        if not self._max_age_s or kind is None:
            return self._call(part)
        known = self._answers.find(self._account, kind, values, self._max_age_s)
        answers = {value: records for value, (records, _) in known.items()}
        self._ages += [read_at for _, read_at in known.values()]
        if missing := tuple(value for value in values if value not in known):
            answers |= self._call_and_keep(kind, missing)
        return [record for value in values for record in answers[value]]

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
        records = by_value(kind, self._call(Filters(**{kind: values})))
        answers = {value: records[value] for value in values}
        spoilt = {fault.value_of(kind) for fault in tuple(self.unreadable)}
        whole = {value: known for value, known in answers.items() if value not in spoilt}
        if read_at_ms is not None:
            self._answers.keep(self._account, kind, whole, read_at, read_at_ms)
        return answers
