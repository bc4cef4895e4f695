"""An account's jobs: where they are, how they ended, and which need a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from cli.exporter.family import Family, Kind, Sample
from cli.exporter.standstill import Standstills
from cli.status.account_status import AccountStatus, LaneStatus
from cli.stray_queues import StrayQueue
from revio_jobs import Lane
from revio_jobs.errors import OutcomeUnknown, Unreadable
from tasks.alerts import ALERTS
from worker.limiter.port import Bound

JOBS = Family(
    "revio_lane_jobs",
    "Unfinished jobs: in the queue, held by a worker, put_off (queries between two attempts) or "
    "delayed (updates until their next attempt or until their product is free).",
    ("account", "lane", "state"),
)
DEMAND = Family(
    "revio_lane_demand_jobs",
    "What an autoscaler counts: all unfinished jobs of the lane, and one for each campaign run "
    "that goes on in bulk.",
    ("account", "lane"),
)
OLDEST = Family(
    "revio_lane_oldest_wait_seconds",
    "Age of the oldest update in the queue; 0 if none waits.",
    ("account", "lane"),
)
STANDSTILL = Family(
    "revio_lane_standstill_seconds",
    "Seconds for which the next message of the lane's queue has been the same, scrape by scrape: a "
    "query's, too; 0 if none waits.",
    ("account", "lane"),
)
ETA = Family(
    "revio_lane_eta_seconds",
    "Seconds until a job that comes now would run, at the present pace; +Inf while an operator "
    "has paused the lane.",
    ("account", "lane"),
)
LANE_CLOSED = Family(
    "revio_lane_closed",
    "1 while no job of the lane is started: by an operator, a pause of the vendor, a refused "
    "account, an open breaker or a spent day.",
    ("account", "lane", "reason"),
)
UNTAKEN = Family(
    "revio_queue_messages_untaken",
    "Messages of a queue with a name like ours from which no worker takes; searched for every 5 "
    "minutes.",
    ("queue",),
)
ACCEPTED = Family("revio_updates_accepted", "Updates ever accepted.", ("account",), Kind.COUNTER)
ENDED = Family(
    "revio_updates_ended",
    "Updates ever ended, by outcome or by the class of their error.",
    ("account", "outcome"),
    Kind.COUNTER,
)
UNREADABLE = Family(
    "revio_updates_unreadable",
    "Updates ever ended because the vendor's record of their product could not be read.",
    ("account",),
    Kind.COUNTER,
)
MISSING = Family(
    "revio_updates_missing",
    "Accepted updates that are neither ended, waiting, running nor delayed; 0 if all is well.",
    ("account",),
)
OVERDUE = Family(
    "revio_updates_overdue_seconds",
    "Seconds for which the update that waits longest has been due again, after an attempt or the "
    "end of its worker's lease, without being put into its queue; 0 if none is.",
    ("account",),
)
DEAD = Family(
    "revio_dead_letters",
    "Updates that failed for good and are still kept, by the class of their error.",
    ("account", "error"),
)
UNKNOWN = Family(
    "revio_unknown_outcomes",
    "Updates that were sent, of which nothing proves what became of them; a person has to look.",
    ("account",),
)

FAMILIES = (
    JOBS,
    DEMAND,
    OLDEST,
    STANDSTILL,
    ETA,
    LANE_CLOSED,
    UNTAKEN,
    ACCEPTED,
    ENDED,
    UNREADABLE,
    MISSING,
    OVERDUE,
    DEAD,
    UNKNOWN,
)

_QUEUES = 20
_NAME_CHARACTERS = 100
_CLOSED_BY = {
    "operator": None,
    "vendor_pause": Bound.PAUSE,
    "account_refused": Bound.ACCOUNT,
    "breaker": Bound.BREAKER,
    "day_spent": Bound.DAY,
}


def job_samples(status: AccountStatus) -> Iterator[Sample]:
    """Samples of one account."""
    for lane in status.lanes:
        yield from _lane_samples(status, lane)
        name = lane.lane.value
        yield OLDEST.sample(lane.oldest_wait_s or 0.0, status.account, name)
        yield ETA.sample(lane.runs_in_s, status.account, name)
        for reason, bound in _CLOSED_BY.items():
            is_closed = lane.closure is not None and lane.closure.bound is bound
            yield LANE_CLOSED.sample(is_closed, status.account, name, reason)
    yield from _update_samples(status)
    yield from _dead_letter_samples(status)


def standstill_samples(account: str, standstills: Standstills) -> Iterator[Sample]:
    """Samples of one account. Raises RedisError."""
    for lane in Lane:
        yield STANDSTILL.sample(standstills.seconds(account, lane), account, lane.value)


def queue_samples(queues: Iterable[StrayQueue]) -> Iterator[Sample]:
    """Samples of queues that are no account's."""
    for queue in islice(queues, _QUEUES):
        yield UNTAKEN.sample(queue.messages, queue.name[:_NAME_CHARACTERS])


def _lane_samples(status: AccountStatus, lane: LaneStatus) -> Iterator[Sample]:
    where, jobs = (status.account, lane.lane.value), lane.jobs
    yield JOBS.sample(jobs.queued, *where, "queued")
    yield JOBS.sample(jobs.held, *where, "held")
    yield JOBS.sample(jobs.put_off, *where, "put_off")
    yield JOBS.sample(jobs.delayed, *where, "delayed")
    runs = sum(run.goes_on for run in status.runs) if lane.lane is Lane.BULK else 0
    yield DEMAND.sample(jobs.unfinished + runs, *where)


def _update_samples(status: AccountStatus) -> Iterator[Sample]:
    account, balance = status.account, status.balance
    yield ACCEPTED.sample(balance.accepted, account)
    for outcome, count in balance.ended.items():
        yield ENDED.sample(count, account, outcome)
    yield UNREADABLE.sample(balance.ended.get(Unreadable.__name__, 0), account)
    yield MISSING.sample(balance.missing, account)
    yield OVERDUE.sample(status.overdue.seconds if status.overdue else 0.0, account)


def _dead_letter_samples(status: AccountStatus) -> Iterator[Sample]:
    errors = {**dict.fromkeys((kind.__name__ for kind in ALERTS), 0), **status.dead_letters}
    for error, count in errors.items():
        yield DEAD.sample(count, status.account, error)
    unknown = status.dead_letters.get(OutcomeUnknown.__name__, 0)
    yield UNKNOWN.sample(unknown, status.account)
