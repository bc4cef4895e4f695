"""How many calls each lane made in each of the last minutes, from the record of charges."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from redis import Redis

from revio_jobs.contracts import Lane
from worker.limiter.call_record import CallRecord
from worker.limiter.charge import Refund

_MINUTE_S = 60
_UNREAD = 0.0


@dataclass(frozen=True, slots=True)
class CallMinute:
    """One minute of the clock."""

    begins_at: float
    """Unix time, seconds."""
    calls: Mapping[Lane, int]
    """Zeros included."""

    @property
    def total(self) -> int:
        """Calls of all lanes."""
        return sum(self.calls.values())


class CallMinutes:
    """Counts one account's calls. Reads what was added since it was last asked; thread-safe.

    The limiter records each charge anyway, so that calls cost nothing more for being counted here.
    """

    def __init__(
        self,
        redis: Redis,
        account: str,
        minutes: int = 60,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._record = CallRecord(redis, account)
        self._minutes = minutes
        self._clock = clock
        self._lock = Lock()
        self._charges: OrderedDict[str, float] = OrderedDict()
        """When each was written, by its token."""
        self._read_to = _UNREAD

    def latest(self) -> Sequence[CallMinute]:
        """The last minutes, the current one last, those without calls too. Raises Unavailable."""
        with self._lock:
            last = int(self._clock()) // _MINUTE_S
            first = last - self._minutes + 1
            self._read(first * _MINUTE_S)
            counts = Counter(
                (int(at) // _MINUTE_S, token.partition(".")[0])
                for token, at in self._charges.items()
            )
        return [
            CallMinute(
                float(minute * _MINUTE_S), {lane: counts[minute, lane.value] for lane in Lane}
            )
            for minute in range(first, last + 1)
        ]

    def _read(self, since: float) -> None:
        """What was written in the last known millisecond is read again, and counts once."""
        for entry in self._record.entries(max(self._read_to, since)):
            self._read_to = max(self._read_to, entry.written_at)
            if isinstance(entry, Refund):
                self._charges.pop(entry.token, None)
            else:
                self._charges[entry.token] = entry.written_at
        while self._charges and next(iter(self._charges.values())) < since:
            self._charges.popitem(last=False)
