"""Whether the jobs of an account's lanes are taken, and why not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from redis import Redis

from cli.doctor.check_result import CheckResult, fine, warning, wrong
from cli.stray_queues import is_misnamed, stray_queues
from cli.tables import counted
from cli.unknown_account import jobs_of_it, waiting_jobs
from revio_jobs import Lane
from revio_jobs.contracts import parse_queue_name, queue_name
from revio_jobs.version import __version__
from settings import AccountSettings
from worker.ledger import audited_accounts
from worker.limiter import LaneClosure, LaneClosures
from worker.limiter.limits_drift import clock_offsets, differences, live_workers
from worker.redis_kit.scan import scan_keys

_SHOWN = 5

Served = Mapping[str, Collection[str]]
"""Names of the workers that take from a queue, by its name."""


def check_lanes(
    closures: LaneClosures, accounts: Iterable[str], served: Served
) -> Iterator[CheckResult]:
    """Whether each lane's jobs can run, and if not, why they wait. Raises Unavailable."""
    for account in accounts:
        for lane in Lane:
            workers = sorted(served.get(queue_name(account, lane), ()))
            yield _lane(closures.closed(account, lane), account, lane, workers)


def check_limits(redis: Redis, accounts: Mapping[str, AccountSettings]) -> Iterator[CheckResult]:
    """Accounts whose live workers go by other limits than these. Raises RedisError."""
    for account, settings in accounts.items():
        if drift := differences(redis, account, settings):
            yield warning(
                f"limits of {account}",
                "; ".join(map(str, drift[:_SHOWN])),
                "give all workers, and this command, the same settings of the account",
            )


def check_releases(redis: Redis, accounts: Iterable[str]) -> Iterator[CheckResult]:
    """Live workers of another release than this command's. Raises RedisError."""
    others = {
        worker.name: worker.version or "a release that does not say"
        for account in accounts
        for worker in live_workers(redis, account)
        if worker.version != __version__
    }
    if others:
        yield warning(
            "releases of workers",
            "; ".join(f"{name} runs {release}" for name, release in [*others.items()][:_SHOWN]),
            f"this command is {__version__}: finish the rolling restart, or use their checkout",
        )


def check_clocks(redis: Redis, accounts: Iterable[str]) -> Iterator[CheckResult]:
    """Live workers on hosts whose clocks are off. Raises RedisError."""
    workers = {
        worker: off for account in accounts for worker, off in clock_offsets(redis, account).items()
    }
    if workers:
        offsets = [
            f"{worker} is {abs(off):.1f} s {'ahead' if off > 0 else 'behind'}"
            for worker, off in sorted(workers.items())
        ]
        yield warning(
            "clocks of workers",
            "; ".join(offsets[:_SHOWN]),
            "let NTP set the clocks of their hosts and of Redis's",
        )


def check_account_names(redis: Redis, known: Collection[str]) -> Iterator[CheckResult]:
    """Those whose jobs wait, though the settings here do not know them. Raises RedisError."""
    queues = scan_keys(redis, "revio.*", at_once=1000, kind="list")
    named = map(parse_queue_name, queues)
    accounts = {account for account, _ in filter(None, named)} | {*audited_accounts(redis)}
    for account in sorted(accounts - {*known}):
        if count := waiting_jobs(redis, account):
            yield warning(
                f"account {account}",
                f"{jobs_of_it(count)}, and these settings do not know it",
                "configure it and start workers for it, or correct the producer that named it",
            )


def check_queue_names(redis: Redis, accounts: Collection[str]) -> Iterator[CheckResult]:
    """Queues with messages whose names are those of no lane. Raises RedisError."""
    for queue in filter(is_misnamed, stray_queues(redis, accounts)):
        says = f"{counted(queue.messages, 'message')}, and no worker takes from a queue so named"
        yield warning(f"queue {queue.name}", says, queue.fix)


def _lane(
    closure: LaneClosure | None, account: str, lane: Lane, workers: Collection[str]
) -> CheckResult:
    queue = queue_name(account, lane)
    check = f"workers of {queue}"
    if closure and closure.pause:
        return warning(
            check, str(closure), f"revio lane resume --account {account} --lane {lane.value}"
        )
    if closure and closure.is_refused:
        fix = f"correct its login, key or address, then: revio lane resume --account {account}"
        return wrong(check, str(closure), fix)
    if closure:
        return warning(
            check,
            str(closure),
            f"the lane opens by itself; revio limits --account {account} shows what is used",
        )
    if not workers:
        fix = f"start one: celery -A worker worker -Q {queue}"
        return warning(check, "none has answered: jobs wait", fix)
    return fine(check, ", ".join(workers))
