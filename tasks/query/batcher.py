"""Natural batching: queries that wait for a call share it.

The query that opens a batch leads it: it waits for a permit, other queries join meanwhile, and the
leader's call asks for all of them. The batch closes only when the gateway builds the request, which
is when the permit has been granted; a timer would either delay an idle system or close too early.
So an idle system adds no latency, and the longer the wait for a call, the more queries share it.

Three details matter. Calls leave at the pace that the limit can sustain (`Pace`): without it the
first second of a minute would spend the minute's calls on single ids, and every later query would
wait for the next minute. A rejected batch is asked again in halves until the query that the vendor
rejects stands alone, so that the others do not fail with it; if single queries are rejected in the
same words, the cause is the vendor and not a query, and the search ends. Lanes never share a call,
because an interactive answer would have to carry all that bulk asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from functools import partial

from revio_jobs.contracts import CustomerProductRecord, Lane
from revio_jobs.errors import Rejected, RevioError, Unavailable
from tasks.ports import Call, Filters, Gateway, PartlyReadable, UnreadableRecord
from tasks.query.culprits import query_apart
from tasks.query.pace import Pace
from tasks.query.parts import Records, by_value, kind_of

_BURST = 8

OnShare = Callable[[Sequence[Context]], None]
"""Called as a shared call is made, with the contexts in which the others wait for it."""


def nobody_looks(contexts: Sequence[Context]) -> None:
    """The default of `on_share`: does nothing."""


@dataclass(frozen=True, slots=True)
class _Member:
    """One query in a batch."""

    values: tuple[int, ...]
    answer: Future[Records] = field(default_factory=Future)
    context: Context = field(default_factory=copy_context)
    """In which it waits."""


@dataclass(slots=True)
class _Batch:
    members: list[_Member] = field(default_factory=list)
    values: dict[int, None] = field(default_factory=dict)

    def add(self, member: _Member) -> None:
        self.members.append(member)
        self.values |= dict.fromkeys(member.values)


class Batcher:
    """Batches the queries of one account, for all threads of a process."""

    def __init__(
        self,
        gateway: Gateway,
        ids_per_call: int,
        calls_per_minute: int,
        *,
        on_share: OnShare = nobody_looks,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gateway = gateway
        self._on_share = on_share
        self._ids_per_call = ids_per_call
        self._sleep = sleep
        self._paces = {lane: Pace(60.0 / calls_per_minute, _BURST, clock) for lane in Lane}
        self._open: dict[tuple[Lane, str], _Batch] = {}
        self._lock = threading.Lock()

    def query(self, filters: Filters, call: Call, *, alone: bool = False) -> Records:
        """The matching records, from a call that may be shared. Raises as the gateway does.

        It never raises SpoiltAnswer: the product that spoils an answer is found and named.

        `alone`: do not share the call, because sharing one has failed before.
        """
        kind, values = kind_of(filters)
        if kind is None or alone or len(values) >= self._ids_per_call:
            return query_apart(self._gateway, filters, call)
        member = _Member(values)
        if batch := self._join((call.lane, kind), member):
            self._lead(batch, kind, call)
        return member.answer.result()

    def _join(self, key: tuple[Lane, str], member: _Member) -> _Batch | None:
        """Join the open batch, or open one. Returns the batch if the member leads it."""
        with self._lock:
            batch = self._open.get(key)
            if batch and len(batch.values.keys() | set(member.values)) <= self._ids_per_call:
                batch.add(member)
                return None
            opened = self._open[key] = _Batch()
            opened.add(member)
            return opened

    def _lead(self, batch: _Batch, kind: str, call: Call) -> None:
        def close() -> Filters:
            """Close the batch; returns what its call asks for."""
            with self._lock:
                if was_open := self._open.get((call.lane, kind)) is batch:
                    del self._open[call.lane, kind]
            if was_open and len(batch.members) > 1:
                self._on_share([member.context for member in batch.members[1:]])
            return Filters(**{kind: tuple(batch.values)})

        try:
            if wait_s := self._paces[call.lane].turn():
                self._sleep(wait_s)
            self._ask(batch.members, kind, call, close)
        finally:
            close()
            # No effect unless something unexpected was raised.
            _fail(batch.members, Unavailable("the call that was shared was broken off"))

    def _ask(
        self, members: Sequence[_Member], kind: str, call: Call, filters: Callable[[], Filters]
    ) -> None:
        if refusal := self._answer(members, kind, call, filters):
            self._ask_halves(members, kind, call, refusal)

    def _answer(
        self, members: Sequence[_Member], kind: str, call: Call, filters: Callable[[], Filters]
    ) -> Rejected | None:
        """Make one call for the members and give them its outcome.

        Returns the refusal if the vendor rejected the call: then it is not known whose it is.
        """
        try:
            records = query_apart(self._gateway, filters, call)
        except PartlyReadable as exc:
            _share(exc.records, members, kind, exc.unreadable)
        except Rejected as exc:
            filters()
            return exc
        except RevioError as exc:
            filters()
            _fail(members, exc)
        else:
            _share(records, members, kind)
        return None

    def _ask_halves(
        self,
        members: Sequence[_Member],
        kind: str,
        call: Call,
        refusal: Rejected,
        *,
        singles_pass: bool = False,
    ) -> None:
        """Ask in halves until the refused query is alone. Only a query sent alone ends as Rejected.

        Both halves refused in the same words may mean that a call still holds too many values, or
        that the vendor refuses everything: a query of each half, asked for alone, tells which.
        `singles_pass`: single queries are known to pass, so the size of the call is the problem.
        """
        if len(members) == 1:
            _fail(members, refusal)
            return
        middle = len(members) // 2
        halves = (members[:middle], members[middle:])
        refused = [(half, no) for half in halves if (no := self._answer_half(half, kind, call))]
        is_same = len(refused) == len(halves) and len({str(no) for _, no in refused}) == 1
        if is_same and len(members) > len(halves) and not singles_pass:
            if self._refuses_singles(halves, kind, call, refused[0][1]):
                reason = f"the vendor refuses every part of a call: {refused[0][1]}"
                self._gateway.slow_down(reason)
                _fail(members, Unavailable(reason))
                return
            singles_pass = True
        for half, no in refused:
            waiting = [member for member in half if not member.answer.done()]
            is_left_alone = len(waiting) == 1 < len(half)
            last = self._answer_half(waiting, kind, call) if is_left_alone else no
            if waiting and last:
                self._ask_halves(waiting, kind, call, last, singles_pass=singles_pass)

    def _refuses_singles(
        self, halves: Iterable[Sequence[_Member]], kind: str, call: Call, refusal: Rejected
    ) -> bool:
        """Whether single queries of the halves are refused, too, in the same words."""
        asked: list[_Member] = []
        for half in halves:
            no = self._answer_half(half[:1], kind, call)
            if no is None or str(no) != str(refusal):
                _fail(asked, refusal)
                if no is not None:
                    _fail(half[:1], no)
                return False
            asked.append(half[0])
        return True

    def _answer_half(self, half: Sequence[_Member], kind: str, call: Call) -> Rejected | None:
        values = dict.fromkeys(value for member in half for value in member.values)
        filters = Filters(**{kind: tuple(values)})
        return self._answer(half, kind, call, partial(replace, filters))


def _share(
    records: Iterable[CustomerProductRecord],
    members: Iterable[_Member],
    kind: str,
    unreadable: Sequence[UnreadableRecord] = (),
) -> None:
    """Give each member its own records, or an error that names its own unreadable ones."""
    readable = by_value(kind, records)
    for member in members:
        own = [record for value in member.values for record in readable[value]]
        faults = [fault for fault in unreadable if fault.value_of(kind) in member.values]
        if faults:
            member.answer.set_exception(PartlyReadable(own, faults))
        else:
            member.answer.set_result(own)


def _fail(members: Iterable[_Member], error: RevioError) -> None:
    """Give each member its own error object, since each raises it in its own thread."""
    for member in members:
        if not member.answer.done():
            member.answer.set_exception(type(error)(*error.args))
