"""Finds the products that spoil a call's answer, by asking for its parts."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from revio_jobs.errors import Unavailable
from tasks.ports import (
    Call,
    Filters,
    Gateway,
    PartlyReadable,
    SpoiltAnswer,
    UnreadableRecord,
    Wanted,
)
from tasks.query.parts import Records, kind_of

# Two halves and their four quarters: if none of them can be read either, it is the vendor.
_MOST_IN_VAIN = 6


def query_apart(gateway: Gateway, wanted: Wanted, call: Call) -> Records:
    """As the gateway's query, but a product that spoils the answer costs the others nothing.

    Halves the values until each that spoils an answer stands alone: about 2 log2(n) calls for one
    of n. The batcher halves, too, but by query and for another end: there each refused query has
    an error of its own, here each value is named and the others are answered. Raises
    PartlyReadable, which names them, else as the gateway does, but never SpoiltAnswer.
    """
    try:
        return gateway.query(wanted, call)
    except SpoiltAnswer as exc:
        kind, values = kind_of(wanted() if callable(wanted) else wanted)
        if kind is None:
            raise Unavailable(str(exc)) from exc
        records, unreadable = _Search(gateway, kind, call).run(values, exc)
        raise PartlyReadable(records, unreadable) from exc


class _Search:
    def __init__(self, gateway: Gateway, kind: str, call: Call) -> None:
        self._gateway = gateway
        self._kind = kind
        self._call = call
        self._records: Records = []
        self._unreadable: list[UnreadableRecord] = []
        self._was_answered = False

    def run(
        self, values: tuple[int, ...], error: SpoiltAnswer
    ) -> tuple[Records, list[UnreadableRecord]]:
        spoilt, in_vain = deque([(values, error)]), 0
        while spoilt:
            part, error = spoilt.popleft()
            if len(part) == 1:
                self._unreadable.append(self._named(part[0], error))
                continue
            if in_vain >= _MOST_IN_VAIN and not self._was_answered:
                raise Unavailable(str(error)) from error
            middle = len(part) // 2
            for half in (part[:middle], part[middle:]):
                if again := self._ask(half):
                    spoilt.append((half, again))
                    in_vain += 1
        return self._records, self._unreadable

    def _ask(self, part: tuple[int, ...]) -> SpoiltAnswer | None:
        try:
            self._records += self._gateway.query(Filters(**{self._kind: part}), self._call)
        except SpoiltAnswer as exc:
            return exc
        except PartlyReadable as exc:
            self._records += exc.records
            self._unreadable += exc.unreadable
        self._was_answered = True
        return None

    def _named(self, value: int, error: SpoiltAnswer) -> UnreadableRecord:
        unnamed = UnreadableRecord(None, None, None, None, str(error))
        match self._kind:
            case "ids":
                return replace(unnamed, customer_product_id=value)
            case "customer_ids":
                return replace(unnamed, customer_id=value)
            case _:
                return replace(unnamed, line_id=value)
