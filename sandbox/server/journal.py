"""What was received and what became of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass

from sandbox.contract.operations import QUERY
from sandbox.vendor.limits import MINUTE, SlidingCount

NOTHING_ANSWERED = 0
REFUSED_STATUSES = {401, 403, 429}


@dataclass(frozen=True, slots=True)
class Entry:
    """One call. `at` is the epoch time of its arrival, `status` the HTTP status or
    NOTHING_ANSWERED, `sent` the names of the elements in its Request in their order.
    """

    at: float
    operation: str
    status: int
    executed: bool = False
    ids: tuple[int, ...] = ()
    customer_ids: tuple[int, ...] = ()
    line_ids: tuple[int, ...] = ()
    sent: tuple[str, ...] = ()
    path: str = ""
    fault: str | None = None


class Journal:
    """`clock` is monotonic; `wall` is the epoch time."""

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float]) -> None:
        self._clock = clock
        self._wall = wall
        self.reset()

    def reset(self) -> None:
        self._entries: list[Entry] = []
        self._arrivals = SlidingCount(MINUTE)
        self._received = 0
        self._connections = 0
        self._other: Counter[str] = Counter()

    def connected(self) -> None:
        self._connections += 1

    def arrived(self) -> float:
        """Counts a call in; its epoch time."""
        self._received += 1
        self._arrivals.add(self._clock())
        return self._wall()

    def answered(self, entry: Entry) -> None:
        self._entries.append(entry)

    def count(self, event: str) -> None:
        """Something that is not a call: a fetched WSDL, a refused connection."""
        self._other[event] += 1

    def summary(self) -> dict[str, object]:
        """Every call received is in `received` and `max_in_60s` when it arrives, and in the rest
        when it was answered, or left without an answer.
        """
        by_operation: dict[str, Counter[int]] = defaultdict(Counter)
        executed: Counter[str] = Counter()
        for entry in self._entries:
            by_operation[entry.operation][entry.status] += 1
            executed[entry.operation] += entry.executed
        return {
            "received": self._received,
            "connections": self._connections,
            "max_in_60s": self._arrivals.peak,
            "executed": executed.total(),
            "refused": sum(entry.status in REFUSED_STATUSES for entry in self._entries),
            "by_operation": by_operation,
            "executed_by_operation": +executed,
            "unfiltered_queries": sum(map(_is_unfiltered, self._entries)),
            "faults": Counter(entry.fault for entry in self._entries if entry.fault),
            "other": self._other,
        }

    def entries(self) -> list[dict[str, object]]:
        return [asdict(entry) for entry in self._entries]


def _is_unfiltered(entry: Entry) -> bool:
    filters = (entry.ids, entry.customer_ids, entry.line_ids)
    return entry.operation == QUERY and entry.executed and not any(filters)
