"""`revio audit` proves that no accepted job is missing, and says of each that is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from typing import Any

import pytest
from redis import Redis

from revio_jobs import JobHandle, Lane, RevioJobs, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import UPDATE_TASK
from revio_jobs.message import encode_message
from tests.conftest import Revio
from worker.ledger import Audit, Auditor, LedgerTimes, RedisLedger, Sweeper

QUEUE = "revio.default.bulk"
RATE = frozenset({"rate"})
REJECTED = {"error": {"type": "Rejected", "args": ["E1", "no"]}}


class Place:
    """An account with two jobs that wait and two that rest, one that runs and two that ended."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis = Redis.from_url(url)
        self.app = producer_app(url)
        self.ledger = RedisLedger(self.redis, LedgerTimes(60.0), partial(encode_message, self.app))
        with RevioJobs.connect(url) as jobs:
            products = (1, 2, 3, 4, 4, 5, 6)
            self.handles: list[JobHandle[Any]] = jobs.submit(
                UpdateJob(id=product, rate=1) for product in products
            )
        *_, resting, running, parked, applied, rejected = self.handles
        self.ledger.delay(self.claim(resting).lease, 60, unknown=False, why="no answer")
        self.claim(running)
        self.claim(parked)
        self.ledger.settle(self.claim(applied).lease, {"ok": {}}, "applied", RATE)
        self.ledger.settle(self.claim(rejected).lease, REJECTED, "Rejected", frozenset())

    def claim(self, handle: JobHandle[Any]) -> Any:
        return self.ledger.claim(handle.job, handle.job_id, Lane.BULK)

    def key(self, name: str) -> str:
        return f"revio:default:{name}"

    def record(self, at: int) -> str:
        return self.key(f"job:{self.handles[at].job_id}")

    def audit(self) -> Audit:
        return Auditor(self.redis, "default").audit()


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    made = Place(redis_url)
    yield made
    made.redis.close()
    made.app.close()


def test_jobs_in_every_place_add_up(place: Place) -> None:
    audit = place.audit()
    assert audit.balances
    balance = audit.balance
    assert (balance.accepted, balance.succeeded, balance.failed) == (7, 1, 1)
    assert (balance.waiting, balance.running, balance.delayed) == (2, 1, 2)
    assert (balance.missing, balance.dead_letters, audit.not_accepted_yet) == (0, 1, 0)
    assert balance.ended == {"Rejected": 1, "applied": 1}


def a_member_vanishes(place: Place) -> None:
    place.redis.zrem(place.key("waiting:bulk"), place.handles[0].job_id)


def a_record_vanishes(place: Place) -> None:
    place.redis.delete(place.record(0))


def a_job_and_its_record_vanish(place: Place) -> None:
    a_member_vanishes(place)
    a_record_vanishes(place)


def a_job_is_in_two_places(place: Place) -> None:
    place.redis.zadd(place.key("delayed"), {place.handles[0].job_id: 1})


def an_ended_job_waits(place: Place) -> None:
    place.redis.zadd(place.key("waiting:bulk"), {place.handles[-1].job_id: 1})


def an_ended_job_holds_a_product(place: Place) -> None:
    place.redis.hset(place.key("product:5"), "holder", place.handles[-2].job_id)


def an_ended_job_is_parked(place: Place) -> None:
    place.redis.zadd(place.key("parked:4"), {place.handles[-1].job_id: 1})


def an_unknown_job_is_in_line(place: Place) -> None:
    place.redis.zadd(place.key("line:4"), {"nobody": 1})


def nobody_sweeps(place: Place) -> None:
    before = (time.time() - 61) * 1000
    place.redis.zadd(place.key("running"), {place.handles[3].job_id: before}, xx=True)


@pytest.mark.parametrize(
    ("spoil", "missing", "says"),
    [
        (a_member_vanishes, 1, ["accepted, but neither waiting, running nor delayed"]),
        (a_record_vanishes, 0, ["in revio:default:waiting:bulk, but never accepted"]),
        (a_job_and_its_record_vanish, 1, []),
        (a_job_is_in_two_places, -1, ["in several places at once"]),
        (an_ended_job_waits, -1, ["ended, and yet waiting, running or delayed"]),
        (an_ended_job_holds_a_product, 0, ["holds a product, but has ended"]),
        (an_ended_job_is_parked, 0, ["parked for a product, but has ended"]),
        (an_unknown_job_is_in_line, 0, ["line for a product, but has ended"]),
        (nobody_sweeps, 0, ["its worker's lease ended over a minute ago, and nobody swept"]),
    ],
)
def test_what_does_not_add_up_is_named(
    place: Place, spoil: Callable[[Place], None], missing: int, says: list[str]
) -> None:
    spoil(place)
    audit = place.audit()
    assert not audit.balances
    assert audit.balance.missing == missing
    known = set(says)
    if spoil is a_record_vanishes or spoil is a_job_and_its_record_vanish:
        known.add("line for a product, but has ended")
    assert set(audit.discrepancies) == known
    assert all(
        entry.count == 1 and len(entry.examples) == 1 for entry in audit.discrepancies.values()
    )


def test_dead_letters_are_counted_as_long_as_they_are_kept(place: Place, revio: Revio) -> None:
    env = {"REVIO_REDIS_URL": place.url}
    assert "1 dead letter kept: revio dead" in revio("audit", env=env).out
    place.redis.hset("revio:default:dead_kinds", "Rejected", 0)  # as when they are kept no longer
    time.sleep(0.002)
    assert "0 dead letters kept" in revio("audit", env=env).out


def test_raw_messages_are_counted_apart(place: Place) -> None:
    place.app.send_task(UPDATE_TASK, kwargs={"id": 9, "rate": "1"}, queue=QUEUE)
    place.redis.lpush(QUEUE, "no message at all")
    audit = place.audit()
    assert audit.balances
    assert audit.not_accepted_yet == 1


def test_jobs_that_move_meanwhile_raise_no_suspicion(place: Place) -> None:
    with RevioJobs.connect(place.url) as jobs:
        handles = jobs.submit(UpdateJob(id=number, rate=1) for number in range(100, 1300))
    moving = Auditor(_Meddling(place, handles), "default")  # type: ignore[arg-type]
    for _ in range(3):
        assert moving.audit().balances


class _Meddling:
    """A Redis on which between any two commands some jobs are taken, given back and settled."""

    def __init__(self, place: Place, handles: list[JobHandle[Any]]) -> None:
        self._place = place
        self._rest = cycle(handles)

    def __getattr__(self, name: str) -> Any:
        for handle in (next(self._rest) for _ in range(20)):
            claim = self._place.claim(handle)
            if lease := getattr(claim, "lease", None):
                if lease.product_id % 3:
                    self._place.ledger.requeue(lease, unknown=False)
                elif lease.product_id % 2:
                    self._place.ledger.settle(lease, {"ok": {}}, "applied", RATE)
        return getattr(self._place.redis, name)


def test_the_sweep_makes_good_what_the_audit_finds_unswept(place: Place) -> None:
    nobody_sweeps(place)
    sweeper = Sweeper(
        place.redis, place.ledger.republisher, ["default"], interval_s=5, lost_after_s=20
    )
    sweeper.sweep()
    assert place.audit().balances


def test_the_command_tells_scripts_and_people(place: Place, revio: Revio) -> None:
    env = {"REVIO_REDIS_URL": place.url}
    fine = revio("audit", "--json", env=env)
    assert (fine.code, fine.document["balances"]) == (0, True)
    account = fine.document["accounts"]["default"]
    assert (account["accepted"], account["missing"], account["waiting"]) == (7, 0, 2)
    a_member_vanishes(place)
    wrong = revio("audit", "--account", "default", "--json", env=env)
    assert (wrong.code, wrong.document["balances"]) == (1, False)
    told = revio("audit", env=env)
    assert told.code == 1
    assert "does not balance" in told.out
    assert place.handles[0].job_id in told.out


def test_an_empty_redis_balances(redis_url: str, revio: Revio) -> None:
    result = revio("audit", env={"REVIO_REDIS_URL": redis_url})
    assert (result.code, result.out) == (0, "no update has been accepted yet\n")
