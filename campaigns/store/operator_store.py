"""The operator's side of the store: runs are started, decided about and looked at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from redis import Redis

from campaigns.business_time import BusinessTime
from campaigns.errors import NotAllowedError
from campaigns.rows.planned_row import PlannedRow
from campaigns.run.spec import RunSpec
from campaigns.run.state import Status
from campaigns.store.audit_log import AuditEntry, entry, read_entry
from campaigns.store.keys import WHAT, AccountKeys, RunKeys
from campaigns.store.plan_decisions import PlanDecisions, sent_back_field
from campaigns.store.row_chunks import RowChunks
from campaigns.store.run_codec import dump_spec, read_spec, read_state
from campaigns.store.run_view import RunList, RunView
from campaigns.store.signers import Signers
from worker.redis_kit.reply import numbers, text, texts
from worker.redis_kit.scripts import fail_closed, load_script

_LISTED, _SEARCHED = 50, 1000
# Workers look for new runs twice a second; a busy machine takes longer.
_FEEDER_COMES_S = 10
_PACE_MINUTES = 30


class OperatorStore:
    """What operators of one account have decided. Every method raises Unavailable."""

    def __init__(
        self, redis: Redis, account: str, *, keep_s: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._account = account
        self._keep_s = keep_s
        self._clock = clock
        self._common = AccountKeys(account)
        self.chunks = RowChunks(redis)
        self.signers = Signers(redis)
        self.plans = PlanDecisions(redis, account, keep_s=keep_s)
        self._start = load_script(redis, "campaigns.store", "start")
        self._transition = load_script(redis, "campaigns.store", "transition")

    def keys(self, run: str) -> RunKeys:
        """What operators did with a run."""
        return RunKeys(self._account, run)

    def clearable(self) -> frozenset[str] | None:
        """The fields that the vendor's schema can empty; None if no worker has seen it yet."""
        with fail_closed(WHAT):
            found = self._redis.get(self._common.clearable)
        return frozenset(json.loads(found)) if found else None

    def exists(self, run: str) -> bool:
        """Whether it was started."""
        with fail_closed(WHAT):
            return bool(self._redis.exists(self.keys(run).spec))

    def has_begun(self, run: str) -> bool:
        """Whether it was ever started, also if it is not kept any more."""
        with fail_closed(WHAT):
            return self._redis.zscore(self._common.all, run) is not None

    def start(
        self,
        spec: RunSpec,
        rows: Iterable[PlannedRow],
        *,
        gate: str,
        rate: float | None,
        weight: int,
        by: str,
        reason: str,
    ) -> bool:
        """Store the rows, then begin. Returns False, with nothing done, if the run exists already
        or the plan has been sent back meanwhile.

        Nothing is sent before all rows are stored, and what `rows` raises stops it. Raises
        NotAllowedError for a plan whose run has ended so long ago that it is not kept any more.
        """
        if self.exists(spec.run):
            return False
        keys = self.keys(spec.run)
        with fail_closed(WHAT):
            self.chunks.store(keys, rows, self._keep_s)
            now = self._clock()
            began = self._start(
                keys=[
                    keys.spec,
                    keys.control,
                    keys.progress,
                    keys.audit,
                    self._common.active,
                    self._common.all,
                    keys.rows,
                    keys.ids,
                    self._common.approvals,
                ],
                args=[
                    spec.run,
                    dump_spec(spec),
                    gate,
                    "" if rate is None else repr(rate),
                    weight,
                    entry(now, by, "apply", reason),
                    spec.not_yet(now),
                    sent_back_field(spec.digest),
                ],
            )
        if began > 1:
            raise NotAllowedError(
                f"run {spec.run} began at {BusinessTime(spec.zone).show(began)}, and is not kept "
                "any more (REVIO_CAMPAIGN_RETENTION_S): to change these products again, plan again"
            )
        return bool(began)

    def decide(
        self,
        run: str,
        what: str,
        *,
        by: str,
        reason: str,
        possible: Sequence[Status],
        status: Status | None = None,
        settings: Mapping[str, object] | None = None,
        as_read: str | None = None,
    ) -> str:
        """Change the run's status or settings, and note it. Returns status and reason of before.

        `as_read`: the `RunState.digest` of what whoever decides has read; None: whatever it is.
        Raises NotAllowedError, also if the run stands otherwise by now.
        """
        keys = self.keys(run)
        read = "any" if as_read is None else as_read
        changed = [str(part) for pair in (settings or {}).items() for part in pair]
        noted = entry(self._clock(), by, what, reason)
        with fail_closed(WHAT):
            done, *found = self._transition(
                keys=[keys.control, keys.progress, keys.audit],
                args=[status or "", reason, noted, ",".join(possible), read, *changed],
            )
        was, why = (text.decode() for text in found)
        if done:
            return f"{was}: {why}"
        if not was:
            raise NotAllowedError(f"no run {run} is known; `revio campaign list` shows them")
        if was not in possible:
            raise NotAllowedError(f"run {run} is {was}: it cannot {what} now")
        raise NotAllowedError(f"run {run} has changed since it was looked at: it is {was}: {why}")

    def view(self, run: str) -> RunView:
        """Raises NotAllowedError when there is none."""
        keys = self.keys(run)
        with fail_closed(WHAT), self._redis.pipeline() as pipeline:
            pipeline.get(keys.spec)
            for key in (keys.control, keys.progress, keys.todo, keys.in_flight):
                pipeline.hgetall(key)
            pipeline.hgetall(keys.pace)
            pipeline.hgetall(keys.errors)
            pipeline.exists(self._common.feeder)
            pipeline.sismember(self._common.active, run)
            pipeline.zscore(self._common.all, run)
            pipeline.time()
            spec, control, progress, todo, in_flight, *more = pipeline.execute()
        if not (spec and control and progress):
            raise NotAllowedError(f"no run {run} is known; `revio campaign list` shows them")
        state = read_state(
            read_spec(spec), texts(control), texts(progress), numbers(todo), numbers(in_flight)
        )
        pace, errors, has_feeder, active, began_at, (now, _) = more
        since = self._clock() / 60 - _PACE_MINUTES
        recent = {minute: count for minute, count in numbers(pace).items() if minute >= since}
        counted = {words: int(rows) for words, rows in texts(errors).items()}
        is_fed = has_feeder or now - (began_at or 0) < _FEEDER_COMES_S
        return RunView(state, recent, not active, counted, bool(is_fed))

    def runs(self, limit: int = _LISTED) -> list[str]:
        """The newest first: `limit` of them, and all that have not ended, however old they are."""
        with fail_closed(WHAT), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zrevrange(self._common.all, 0, limit - 1)
            pipeline.smembers(self._common.active)
            newest, active = pipeline.execute()
            older = list(active - {*newest})
            began_at = self._redis.zmscore(self._common.all, older) if older else []
        by_start = sorted(zip(older, began_at, strict=True), key=lambda run: run[1] or 0)
        return [text(run) for run in (*newest, *(run for run, _ in reversed(by_start)))]

    def resolve(self, name: str) -> str:
        """A run's name, given that or an unambiguous beginning of it. Raises NotAllowedError."""
        if not name.strip():
            raise NotAllowedError("name the run; `revio campaign list` shows all of them")
        if self.exists(name):
            return name
        close = [run for run in self.runs(_SEARCHED) if run.startswith(name)]
        if len(close) == 1:
            return close[0]
        what = "no run is called" if not close else "several runs begin with"
        raise NotAllowedError(f"{what} {name}; `revio campaign list` shows them")

    def listed(self) -> RunList:
        """As `runs`; one is known by name for longer than it is kept, and then left out."""
        views, unreadable = list[RunView](), list[str]()
        for run in self.runs():
            with suppress(NotAllowedError):
                try:
                    views.append(self.view(run))
                except (ValueError, KeyError, TypeError, IndexError):
                    unreadable.append(run)
        return RunList(views, unreadable)

    def was_active_since(self, run: str, at: float) -> bool:
        """Whether rows of the run have ended since then (Unix time), or are still to end."""
        with fail_closed(WHAT), self._redis.pipeline() as pipeline:
            pipeline.sismember(self._common.active, run)
            pipeline.hkeys(self.keys(run).pace)
            is_active, minutes = pipeline.execute()
        latest = max(map(int, minutes), default=0)
        return bool(is_active) or (latest + 1) * 60 >= at

    def audit(self, run: str) -> list[AuditEntry]:
        """In the order in which it was decided."""
        with fail_closed(WHAT):
            return [read_entry(line) for line in self._redis.lrange(self.keys(run).audit, 0, -1)]

    def outcomes(self, run: str, chunk: int) -> dict[int, tuple[str, int]]:
        """By row, of the chunk's ended rows: outcome and Unix time in seconds."""
        with fail_closed(WHAT):
            found = self._redis.hgetall(self.keys(run).outcomes(chunk))
        pairs = ((int(index), text(value).partition(" ")) for index, value in found.items())
        return {index: (outcome, int(at)) for index, (outcome, _, at) in pairs}

    def rows_with_details(self, run: str, most: int) -> list[int]:
        """Some of the rows that something is to be said about, by index; at most so many."""
        with fail_closed(WHAT):
            found = self._redis.hscan_iter(self.keys(run).details, count=most)
            return sorted(int(index) for index, _ in islice(found, most))

    def details(self, run: str, indexes: Iterable[int]) -> dict[int, dict[str, Any]]:
        """What is to be said about those rows."""
        wanted = list(indexes)
        if not wanted:
            return {}
        with fail_closed(WHAT):
            found = self._redis.hmget(self.keys(run).details, [str(index) for index in wanted])
        return {
            index: json.loads(detail) for index, detail in zip(wanted, found, strict=True) if detail
        }
