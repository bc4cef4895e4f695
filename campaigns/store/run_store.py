"""The feeder's side of the store, and the rules that a worker checks before each call."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from redis import Redis

from campaigns.rows.planned_row import PlannedRow
from campaigns.run.send_check import SendRules
from campaigns.run.state import RunState, RunStep, Status
from campaigns.store.audit_log import entry
from campaigns.store.keys import ROWS_PER_CHUNK, WHAT, AccountKeys, RunKeys
from campaigns.store.row_chunks import RowChunks
from campaigns.store.run_codec import START_AT, read_gate, read_spec, read_state
from tasks.ports import LeaseLost
from worker.redis_kit.existing import existing
from worker.redis_kit.leader_lease import LeaderLease
from worker.redis_kit.reply import numbers, text, texts
from worker.redis_kit.scripts import fail_closed, load_script

FEEDER = "the feeder"
"""Who decides, in the audit log, where no person does."""


class RedisRuns:
    """Implements the Runs and RunRulesSource ports."""

    def __init__(
        self,
        redis: Redis,
        *,
        lease_s: float,
        keep_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._lease = LeaderLease(redis, round(lease_s * 1000))
        self._keep_s = keep_s
        self._clock = clock
        self._chunks = RowChunks(redis)
        self._record = load_script(redis, "campaigns.store", "record")
        self._stop = load_script(redis, "campaigns.store", "stop")

    def lease(self, account: str, token: str) -> bool:
        """See the port."""
        with fail_closed(WHAT):
            return self._lease.take(AccountKeys(account).feeder, token)

    def release(self, account: str, token: str) -> None:
        """See the port."""
        with fail_closed(WHAT):
            self._lease.release(AccountKeys(account).feeder, token)

    def with_active(self, accounts: Iterable[str]) -> set[str]:
        """The accounts that have runs which have not ended. Raises Unavailable."""
        keys = {AccountKeys(account).active: account for account in accounts}
        with fail_closed(WHAT):
            return {keys[key] for key in existing(self._redis, keys)}

    def active(self, account: str) -> list[str]:
        """See the port."""
        with fail_closed(WHAT):
            return sorted(map(text, self._redis.smembers(AccountKeys(account).active)))

    def load(self, account: str, run: str) -> RunState | None:
        """See the port."""
        keys = RunKeys(account, run)
        with fail_closed(WHAT), self._redis.pipeline() as pipeline:
            pipeline.get(keys.spec)
            for key in (keys.control, keys.progress, keys.todo, keys.in_flight):
                pipeline.hgetall(key)
            spec, control, progress, todo, in_flight = pipeline.execute()
        if not (spec and control and progress):
            return None
        return read_state(
            read_spec(spec), texts(control), texts(progress), numbers(todo), numbers(in_flight)
        )

    def rows(self, account: str, run: str, indexes: Iterable[int]) -> dict[int, PlannedRow]:
        """See the port."""
        with fail_closed(WHAT):
            return self._chunks.rows(RunKeys(account, run), indexes)

    def outcomes(self, account: str, run: str, first: int, end: int) -> dict[int, str]:
        """See the port."""
        keys = RunKeys(account, run)
        chunks = range(first // ROWS_PER_CHUNK, -(-end // ROWS_PER_CHUNK))
        with fail_closed(WHAT), self._redis.pipeline(transaction=False) as pipeline:
            for chunk in chunks:
                pipeline.hgetall(keys.outcomes(chunk))
            found: list[dict[bytes, bytes]] = pipeline.execute()
        return {
            int(index): text(value).partition(" ")[0]
            for chunk in found
            for index, value in chunk.items()
            if first <= int(index) < end
        }

    def record(self, account: str, run: str, token: str, step: RunStep) -> None:
        """See the port."""
        keys = RunKeys(account, run)
        with fail_closed(WHAT):
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
                    *keys.state,
                ],
                args=[token, json.dumps(_document(step))],
            )
        if not held:
            raise LeaseLost(run)

    def stop(self, account: str, run: str, token: str, status: Status, reason: str) -> None:
        """See the port."""
        keys, common = RunKeys(account, run), AccountKeys(account)
        noted = entry(self._clock(), FEEDER, status.value, reason)
        with fail_closed(WHAT):
            held = self._stop(
                keys=[
                    common.feeder,
                    keys.control,
                    common.active,
                    keys.audit,
                    keys.outcomes_prefix,
                    keys.spec,
                    *keys.state,
                ],
                args=[token, run, status.value, reason, noted, self._keep_s, ROWS_PER_CHUNK],
            )
        if not held:
            raise LeaseLost(run)

    def send_rules(self, account: str, run: str) -> SendRules | None:
        """See the port."""
        with fail_closed(WHAT):
            control = RunKeys(account, run).control
            status, gate, moved_to = self._redis.hmget(control, "status", "gate", START_AT)
        if status is None or gate is None:
            return None
        return read_gate(text(status), text(gate), text(moved_to) if moved_to else None)


def _document(step: RunStep) -> dict[str, Any]:
    places = {
        "cursor": step.cursor,
        "phase": step.phase,
        "stage": step.stage,
        "checked": step.checked,
        "waits": step.waits,
    }
    return {
        "ended": [
            [
                str(row.index),
                row.index // ROWS_PER_CHUNK,
                row.outcome.value,
                str(int(row.at)),
                json.dumps(row.detail) if row.detail else "",
                row.error_words(),
            ]
            for row in step.ended
        ],
        "todo": [[str(index), str(number)] for index, number in step.todo.items()],
        "sent": [[str(index), str(number)] for index, number in step.sent.items()],
        "set": {name: str(value) for name, value in places.items() if value is not None},
    }
