"""What killed workers of earlier releases held, where kombu keeps it for all apps of a database.

Nobody else would deliver it again: an update is known to the ledger, but a query, and a raw update
that was not begun, are in their message alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import structlog
from kombu.utils.json import dumps, loads

from revio_jobs.broker import KOMBU_HELD, KOMBU_HELD_AT, priority_key
from revio_jobs.contracts import parse_queue_name
from worker.redis_kit.scripts import load_script

_log = structlog.get_logger(__name__)


class _Leftover(NamedTuple):
    tag: str
    message: str
    queue_key: str


class Leftovers:
    """Requeues the messages of our lanes; those of other apps stay."""

    def __init__(self, client: Any, silent_s: float) -> None:  # noqa: ANN401 - redis-py's, or kombu's
        """`silent_s`: for how long a worker has said nothing before it counts as dead."""
        self._client = client
        self._silent_s = silent_s
        self._adopt = load_script(client, "worker.celery_app", "adopt")

    def requeue(self) -> int:
        """Returns how many messages there were. Raises RedisError."""
        returned = sum(self._returned(leftover) for leftover in self._ours())
        if returned:
            _log.warning("leftovers_returned", messages=returned)
        return returned

    def _returned(self, leftover: _Leftover) -> int:
        keys = [KOMBU_HELD, KOMBU_HELD_AT, leftover.queue_key]
        return int(self._adopt(keys=keys, args=[leftover.tag, leftover.message, self._silent_s]))

    def _ours(self) -> Iterator[_Leftover]:
        for tag, entry in self._client.hscan_iter(KOMBU_HELD, count=1000):
            message, _, queue = loads(entry.decode())
            if parse_queue_name(queue):
                priority = message.get("properties", {}).get("priority") or 0
                yield _Leftover(tag.decode(), dumps(message), priority_key(queue, priority))
