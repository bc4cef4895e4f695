"""`revio explain`: what a job waits for now, and when it will probably run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Self

import typer
from redis import Redis

from cli.account_limits import AccountLimits
from cli.answer import answering, complain
from cli.connection import redis_of
from cli.exit_code import ExitCode
from cli.jobs.job_status import Lookup, State
from cli.options import AccountName, AsJson
from cli.producer import app_of
from cli.stray_queues import holds, stray_queues
from cli.tables import counted, table, when
from cli.unknown_account import unknown_account
from revio_jobs import Lane
from revio_jobs.contracts import DEFAULT_ACCOUNT, job_id_of, queue_name
from revio_jobs.results import ResultStore
from settings import Settings, load
from worker.ledger.location import (
    HasEnded,
    IsDelayed,
    IsParked,
    IsQueued,
    IsRunning,
    JobLocation,
    locate,
)
from worker.limiter import LaneClosure, LaneClosures, LanePauses
from worker.limiter.limits_drift import live_workers
from worker.queues.taken_message import TakenMessage, find_taken
from worker.wiring.limits import limit_rules, open_limiter

_OF_OTHERS = {
    State.WAITING: "it has failed before and is tried again in a moment",
    State.RUNNING: "a worker has it",
    State.DONE: "it has ended, with a result",
    State.FAILED: "it has ended, with an error",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say about a job."""

    account: str
    job_id: str
    state: str
    because: tuple[str, ...]
    """Whole sentences, the nearest reason first."""
    runs_at: float | None = None
    """Unix time, seconds; None if it has run, or if nobody can tell."""
    source: str | None = None
    """The service that submitted it; None if it is not known or the job has ended."""

    def document(self) -> dict[str, Any]:
        """JSON values."""
        runs_at = self.runs_at and datetime.fromtimestamp(self.runs_at, UTC).isoformat()
        return {
            "account": self.account,
            "job_id": self.job_id,
            "state": self.state,
            "because": list(self.because),
            "runs_at": runs_at,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class _LaneState:
    """Whether jobs of a lane are taken; a job that is delayed or parked comes through it, too."""

    queue: str
    is_served: bool
    closure: LaneClosure | None

    @classmethod
    def read(cls, settings: Settings, redis: Redis, location: JobLocation) -> Self:
        account, lane = location.account, location.lane or Lane.BULK
        closures = LaneClosures(LanePauses(redis), open_limiter(settings, redis))
        is_served = any(lane in worker.lanes for worker in live_workers(redis, account))
        return cls(queue_name(account, lane), is_served, closures.closed(account, lane))

    @property
    def hindrances(self) -> tuple[str, ...]:
        start = f"celery -A worker worker -Q {self.queue}"
        unserved = f"nobody serves this lane: no worker of it has reported; {start}"
        closed = () if self.closure is None else (str(self.closure),)
        return closed if self.is_served else (unserved, *closed)

    def runs_from(self, due_at: float) -> float | None:
        """When a job that is due then can be taken; Unix time. None if nobody can tell."""
        if not self.is_served or (self.closure and self.closure.pause):
            return None
        return max(due_at, (self.closure and self.closure.opens_at) or due_at)


def explain(
    job_id: Annotated[str | None, typer.Argument(help="The job's id.")] = None,
    *,
    key: Annotated[str | None, typer.Option(help="The update's idempotency key instead.")] = None,
    account: AccountName = DEFAULT_ACCOUNT,
    as_json: AsJson = False,
) -> None:
    """Show what a job waits for now, and when it will probably run."""
    if (job_id is None) == (key is None) or "" in {job_id, key}:
        raise typer.BadParameter("give either a job's id or --key", param_hint="JOB_ID")
    wanted = job_id_of(account, key) if key is not None else str(job_id)
    with answering(as_json=as_json) as answer:
        settings = load()
        with redis_of(settings) as redis:
            if account not in settings.accounts:
                problem = unknown_account(redis, account, settings.accounts)
                raise typer.BadParameter(problem, param_hint="--account")
            explained = explanation(settings, redis, account, wanted)
        facts = {
            "state": explained.state,
            **{f"{n}": text for n, text in enumerate(explained.because, 1)},
        }
        if explained.source:
            facts["submitted by"] = explained.source
        if explained.runs_at:
            facts["probably runs"] = _moment(explained.runs_at)
        answer.give(explained.document(), table("job", explained.job_id, rows=facts.items()))
        if explained.state == "unknown":
            complain(
                f"no job {wanted} is known to account {account}, nor in its queues; "
                "an update's idempotency key is given with --key"
            )
            raise typer.Exit(ExitCode.FAILED)


def explanation(settings: Settings, redis: Redis, account: str, job_id: str) -> Explanation:
    """Raises Unavailable or RedisError."""
    location = locate(redis, account, job_id)
    if location is None:
        return _of_a_job_without_record(settings, redis, account, job_id)
    return replace(_located(settings, redis, location), source=location.source)


def _located(settings: Settings, redis: Redis, location: JobLocation) -> Explanation:
    account, job_id = location.account, location.job_id
    match location.place:
        case HasEnded(how, at):
            return Explanation(account, job_id, "ended", (f"it ended as {how} at {_moment(at)}",))
        case IsRunning(lease_ends_at, sent):
            return Explanation(account, job_id, "running", tuple(_running(lease_ends_at, sent)))
        case IsDelayed(due_at) as delayed:
            lane = _LaneState.read(settings, redis, location)
            because = (_delayed(delayed), *lane.hindrances)
            return Explanation(account, job_id, "delayed", because, lane.runs_from(due_at))
        case IsParked(product_id, behind):
            lane = _LaneState.read(settings, redis, location)
            because = (_parked(product_id, behind), *lane.hindrances)
            return Explanation(account, job_id, "parked", because)
        case IsQueued(ahead, queries):
            return _queued(settings, redis, location, ahead, queries)


def _running(lease_ends_at: float, sent: frozenset[str]) -> Iterator[str]:
    yield f"a worker has it; if that dies, another gets it after {_moment(lease_ends_at)}"
    if sent:
        yield f"{', '.join(sorted(sent))}: sent, or about to be"


def _delayed(delayed: IsDelayed) -> str:
    why = "an attempt failed"
    if delayed.sent:
        why = "it was sent, and what became of it is looked up"
    elif delayed.deferred:
        why = "a query may not show the product's last update yet, so what it expects must wait"
    return f"{why}; it goes on at {_moment(delayed.due_at)}"


def _parked(product_id: int, behind: str | None) -> str:
    if behind is None:
        return f"the job before it at product {product_id} has just ended; it is next"
    return f"job {behind} comes before it at product {product_id}; `revio explain {behind}`"


def _queued(
    settings: Settings, redis: Redis, location: JobLocation, ahead: int, queries: int
) -> Explanation:
    lane, account = location.lane or Lane.BULK, location.account
    state = _LaneState.read(settings, redis, location)
    because = [*state.hindrances, f"ahead of it in {state.queue}: {counted(ahead, 'job')}"]
    if queries:
        because.append(f"queries in that queue, which may come first, too: {queries:,}")
    if not state.is_served:
        return Explanation(account, location.job_id, "queued", tuple(because))
    limiter, rules = open_limiter(settings, redis), limit_rules(settings.accounts[account])
    limits = AccountLimits.read(redis, limiter, account, rules)
    now = float(redis.time()[0])
    runs_at = limits.runs_at(lane, ahead + queries, state.closure, now=now)
    return Explanation(account, location.job_id, "queued", tuple(because), runs_at)


def _of_a_job_without_record(
    settings: Settings, redis: Redis, account: str, job_id: str
) -> Explanation:
    """A query that is in no queue any more, or a job that nobody knows."""
    if taken := find_taken(redis, job_id):
        return Explanation(account, job_id, *_taken_message(taken), taken.due_at, taken.source)
    with app_of(settings) as app:
        state = Lookup(redis, ResultStore(app, redis)).status(account, job_id).state
    if state in _OF_OTHERS:
        return Explanation(account, job_id, state.value, (_OF_OTHERS[state],))
    for queue in stray_queues(redis, settings.accounts):
        if holds(redis, queue, job_id):
            where = f"its message is in the queue {queue.name}, from which no worker takes"
            return Explanation(account, job_id, "queued", (where, queue.fix))
    return Explanation(account, job_id, "unknown", ("no ledger and no result knows it",))


def _taken_message(taken: TakenMessage) -> tuple[str, tuple[str, ...]]:
    if taken.due_at is None:
        return "running", (f"a worker has its message of {taken.queue}",)
    why = f"its message of {taken.queue} comes again, or is run, at {_moment(taken.due_at)}"
    return "delayed", (why,)


def _moment(at: float) -> str:
    return when(datetime.fromtimestamp(at, UTC))
