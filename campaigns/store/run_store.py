"""The feeder's side of the store, and the gate that a worker asks before each call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from redis import Redis

from campaigns.guard_rails.gate import RunGate
from campaigns.run.error_words import error_words
from campaigns.run.row import Row
from campaigns.run.state import Progress, RunState, Status
from campaigns.store.access import asking, load_script, numbers, text, texts
from campaigns.store.audit_log import entry
from campaigns.store.keys import ROWS_PER_CHUNK, AccountKeys, RunKeys
from campaigns.store.row_chunks import RowChunks
from campaigns.store.run_codec import read_gate, read_spec, read_state
from tasks.ports import LeaseLost

_FEEDER = "the feeder"


class RedisRuns:
    """Implements the Runs and RunGates ports."""

    def __init__(
        self,
        redis: Redis,
        *,
        lease_s: float,
        keep_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._lease_ms = round(lease_s * 1000)
        self._keep_s = keep_s
        self._clock = clock
        self._chunks = RowChunks(redis)
        self._record = load_script(redis, "record")
        self._stop = load_script(redis, "stop")
        self._release = load_script(redis, "release")

    def lease(self, account: str, token: str) -> bool:
        """See the port."""
        key = AccountKeys(account).feeder
        with asking():
            if self._redis.set(key, token, nx=True, px=self._lease_ms):
                return True
            if self._redis.get(key) != token.encode():
                return False
            self._redis.pexpire(key, self._lease_ms)
        return True

    def release(self, account: str, token: str) -> None:
        """See the port."""
        with asking():
            self._release(keys=[AccountKeys(account).feeder], args=[token])

    def active(self, account: str) -> list[str]:
        """See the port."""
        with asking():
            return sorted(map(text, self._redis.smembers(AccountKeys(account).active)))

    def load(self, account: str, run: str) -> RunState | None:
        """See the port."""
        keys = RunKeys(account, run)
        with asking(), self._redis.pipeline() as pipeline:
            pipeline.get(keys.spec)
            for key in (keys.control, keys.progress, keys.todo, keys.in_flight):
                pipeline.hgetall(key)
            spec, control, progress, todo, in_flight = pipeline.execute()
        if not (spec and control and progress):
            return None
        return read_state(
            read_spec(spec), texts(control), texts(progress), numbers(todo), numbers(in_flight)
        )

    def rows(self, account: str, run: str, indexes: Iterable[int]) -> dict[int, Row]:
        """See the port."""
        with asking():
            found = self._chunks.rows(RunKeys(account, run), indexes)
        return {index: each.row for index, each in found.items()}

    def outcomes(self, account: str, run: str, first: int, end: int) -> dict[int, str]:
        """See the port."""
        keys = RunKeys(account, run)
        chunks = range(first // ROWS_PER_CHUNK, -(-end // ROWS_PER_CHUNK))
        with asking(), self._redis.pipeline(transaction=False) as pipeline:
            for chunk in chunks:
                pipeline.hgetall(keys.outcomes(chunk))
            found: list[dict[bytes, bytes]] = pipeline.execute()
        return {
            int(index): text(value).partition(" ")[0]
            for chunk in found
            for index, value in chunk.items()
            if first <= int(index) < end
        }

    def record(self, account: str, run: str, token: str, progress: Progress) -> None:
        """See the port."""
        keys = RunKeys(account, run)
        with asking():
            held = self._record(
                keys=[
                    AccountKeys(account).feeder,
                    keys.progress,
                    keys.todo,
                    keys.in_flight,
                    keys.details,
                    keys.pace,
                    keys.outcomes_prefix,
                    keys.errors,
                    keys.spec,
                    keys.control,
                    keys.rows,
                    keys.ids,
                    keys.audit,
                ],
                args=[token, json.dumps(_step(progress)), self._keep_s],
            )
        if not held:
            raise LeaseLost(run)

    def stop(self, account: str, run: str, token: str, status: Status, reason: str) -> None:
        """See the port."""
        keys, common = RunKeys(account, run), AccountKeys(account)
        noted = entry(self._clock(), _FEEDER, status.value, reason)
        with asking():
            held = self._stop(
                keys=[common.feeder, keys.control, common.active, keys.audit],
                args=[token, run, status.value, reason, noted],
            )
        if not held:
            raise LeaseLost(run)

    def gate(self, account: str, run: str) -> RunGate | None:
        """See the port."""
        with asking():
            status, gate = self._redis.hmget(RunKeys(account, run).control, "status", "gate")
        if status is None or gate is None:
            return None
        return read_gate(text(status), text(gate))


def _step(progress: Progress) -> dict[str, Any]:
    places = {
        "cursor": progress.cursor,
        "phase": progress.phase,
        "stage": progress.stage,
        "checked": progress.checked,
        "waits": progress.waits,
    }
    return {
        "ended": [
            [
                str(each.index),
                each.index // ROWS_PER_CHUNK,
                each.outcome.value,
                str(int(each.at)),
                json.dumps(each.detail) if each.detail else "",
                error_words(each),
            ]
            for each in progress.ended
        ],
        "todo": [[str(index), str(number)] for index, number in progress.todo.items()],
        "sent": [[str(index), str(number)] for index, number in progress.sent.items()],
        "set": {name: str(value) for name, value in places.items() if value is not None},
    }
