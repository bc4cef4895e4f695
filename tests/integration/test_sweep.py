"""The sweep puts back what the broker has lost, and nothing else."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from redis import Redis
from structlog.testing import capture_logs

from revio_jobs import JobHandle, Lane, QueryJob, RevioJobs, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.errors import Unavailable
from revio_jobs.message import encode_message
from sandbox.local.embedded_redis import embedded_redis
from tasks.ports import Claimed, LeaseLost, NotNow
from worker.ledger import LedgerTimes, RedisLedger, Sweeper, Swept

QUEUE = "revio.default.bulk"
WAITING = "revio:default:waiting:bulk"
GRACE_S = 20.0
# Redis's own clock decides over leases and delays; these are over when the test looks.
LEASE_S = 0.05
NOTHING = Swept()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """One account with its queue, and sweepers of several workers on one clock."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)
        self.jobs = RevioJobs.connect(url)
        self.app = producer_app(url)
        self.ledger = self.leasing(LEASE_S)
        self.clock = Clock()
        self._sweeper = self.sweeper()

    def close(self) -> None:
        self.redis.close()
        self.jobs.close()
        self.app.close()

    def leasing(self, lease_s: float) -> RedisLedger:
        return RedisLedger(
            self.redis, LedgerTimes(lease_s, park_s=0.05), partial(encode_message, self.app)
        )

    def sweeper(
        self, interval_s: float = 5.0, accounts: tuple[str, ...] = ("default", "acme")
    ) -> Sweeper:
        return Sweeper(
            self.redis,
            self.ledger.republisher,
            accounts,
            interval_s=interval_s,
            lost_after_s=GRACE_S,
            clock=self.clock,
        )

    def submit(self, count: int, first: int = 1) -> list[JobHandle[Any]]:
        return self.jobs.submit(
            UpdateJob(id=product, rate=1, idempotency_key=str(product))
            for product in range(first, first + count)
        )

    def take(self) -> str:
        """The next message, as a worker takes it: its job's id."""
        return job_id(self.redis.rpop(QUEUE))

    def queued(self) -> list[str]:
        """In the order in which workers take them."""
        return [job_id(message) for message in reversed(self.redis.lrange(QUEUE, 0, -1))]

    def sweep(self, after_s: float = 0.0) -> Swept | None:
        self.clock.now += after_s
        return self._sweeper.sweep()

    def claim(self, handle: JobHandle[Any], lease_s: float = LEASE_S) -> Any:
        return self.leasing(lease_s).claim(handle.job, handle.job_id, Lane.BULK)


def body(message: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(message["body"]))


def job_id(message: Any) -> str:
    return str(json.loads(message)["headers"]["id"])


@pytest.fixture
def here(redis_url: str) -> Iterator[Place]:
    place = Place(redis_url)
    yield place
    place.close()


def wait_out_the_lease() -> None:
    time.sleep(LEASE_S + 0.01)


def test_a_lost_message_is_republished_after_the_grace(here: Place) -> None:
    [handle] = here.submit(1)
    original = json.loads(here.redis.rpop(QUEUE))
    assert here.sweep() == NOTHING
    assert here.sweep(after_s=GRACE_S - 1) == NOTHING
    assert here.queued() == []
    assert here.sweep(after_s=1) == Swept(lost=1)
    assert here.queued() == [handle.job_id]
    again = json.loads(here.redis.lindex(QUEUE, 0))
    assert body(again) == body(original)
    assert here.sweep(after_s=10 * GRACE_S) == NOTHING


def test_a_job_that_waits_in_its_queue_is_not_lost(here: Place) -> None:
    here.submit(600)
    for _ in range(3):
        assert here.sweep(after_s=GRACE_S) == NOTHING
    assert here.redis.llen(QUEUE) == 600


def test_a_job_that_a_worker_has_is_not_lost(here: Place) -> None:
    [handle] = here.submit(1)
    here.take()
    assert here.sweep() == NOTHING
    assert isinstance(here.claim(handle, lease_s=60), Claimed)
    assert here.sweep(after_s=GRACE_S) == NOTHING


def test_lost_messages_among_others_are_noticed_when_their_turn_has_passed(here: Place) -> None:
    handles = {handle.job_id: handle for handle in here.submit(250)}
    time.sleep(0.005)
    later = here.submit(250, first=1001)
    lost = [here.redis.lindex(QUEUE, index) for index in (-10, -20, 300)]
    for message in lost:
        here.redis.lrem(QUEUE, 1, message)
    for _ in range(247):
        here.claim(handles[here.take()], lease_s=60)
    here.sweep()
    assert here.sweep(after_s=GRACE_S) == Swept(lost=3)
    expected = [handle.job_id for handle in later] + sorted(map(job_id, lost))
    assert [*here.queued()[:250], *sorted(here.queued()[250:])] == expected


def test_a_flushed_queue_is_noticed_behind_many_newer_jobs(here: Place) -> None:
    lost = here.submit(700)
    here.redis.delete(QUEUE)
    time.sleep(0.005)
    newer = here.submit(300, first=1001)
    swept: list[Any] = [here.sweep()]
    swept += [here.sweep(after_s=GRACE_S) for _ in range(3)]
    assert [job.lost for job in swept] == [0, 500, 0, 200]
    assert set(here.queued()) == {key.job_id for key in (*lost, *newer)}
    assert here.redis.llen(QUEUE) == 1000


def test_jobs_put_back_to_the_front_do_not_make_those_behind_look_lost(here: Place) -> None:
    handles = here.submit(900)
    for handle in handles[:250]:
        message = here.redis.rpop(QUEUE)
        here.ledger.requeue(here.claim(handle).lease, unknown=False)
        here.redis.rpush(QUEUE, message)
    for _ in range(3):
        assert here.sweep(after_s=GRACE_S) == NOTHING


def test_messages_that_are_not_the_ledgers_hide_nothing(here: Place) -> None:
    [handle] = here.submit(1)
    here.take()
    for number in range(50):
        here.jobs.query(ids=[number + 1], lane=Lane.BULK)
    here.sweep()
    assert here.sweep(after_s=GRACE_S) == Swept(lost=1)
    assert here.queued()[-1] == handle.job_id


def test_of_jobs_behind_messages_that_are_not_the_ledgers_nothing_is_assumed(here: Place) -> None:
    here.jobs.submit([QueryJob(ids=(1,))] * 200)
    here.submit(1)
    for _ in range(3):
        assert here.sweep(after_s=GRACE_S) == NOTHING


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "\x00\xff",
        b"\xff\xfe",
        "[]",
        "null",
        "{}",
        '{"headers": null}',
        '{"headers": {"id": ["x"]}}',
        '{"headers": {"id": "\\ud800"}}',
        "[" * 200_000,
    ],
)
def test_garbage_in_the_queue_stops_nothing(here: Place, garbage: str | bytes) -> None:
    here.submit(1)
    here.take()
    here.redis.rpush(QUEUE, garbage)
    here.sweep()
    assert here.sweep(after_s=GRACE_S) == Swept(lost=1)


@pytest.mark.parametrize("payload", ['{"id": 1, "mood": "good"}', "", "{"])
def test_a_job_of_a_newer_release_is_left_and_stops_nothing(here: Place, payload: str) -> None:
    first, second = here.submit(2)
    here.redis.hset(f"revio:default:job:{first.job_id}", "payload", payload)
    here.redis.delete(QUEUE)
    here.sweep()
    assert here.sweep(after_s=GRACE_S) == Swept(lost=1)
    assert here.queued() == [second.job_id]


def test_a_job_of_a_newer_release_is_told_once_however_often_it_is_swept(here: Place) -> None:
    [job] = here.submit(1)
    here.redis.hset(f"revio:default:job:{job.job_id}", "payload", '{"mood": "good"}')
    here.redis.delete(QUEUE)
    with capture_logs() as logs:
        for _ in range(3):
            here.sweep(after_s=GRACE_S)
    assert [(log["event"], log["job"]) for log in logs] == [("job_unreadable", job.job_id)]


def test_the_job_of_a_dead_worker_is_republished_when_its_lease_ends(here: Place) -> None:
    [handle] = here.submit(1)
    here.take()
    claim = here.claim(handle, lease_s=60)
    here.ledger.intend(claim.lease, frozenset({"rate"}))
    wait_out_the_lease()
    assert here.sweep() == Swept(lease_expired=1)
    assert here.queued() == [handle.job_id]
    with pytest.raises(LeaseLost):
        here.ledger.settle(claim.lease, {"ok": {}}, "applied", frozenset())
    again = here.claim(handle, lease_s=60)
    assert (again.attempt, again.sent) == (2, {"rate"})
    assert here.sweep() == NOTHING


def test_a_delayed_job_comes_when_it_is_due(here: Place) -> None:
    [handle] = here.submit(1)
    here.take()
    here.ledger.delay(here.claim(handle, lease_s=60).lease, 60.0, unknown=False)
    assert here.sweep(after_s=GRACE_S) == NOTHING
    assert here.sweep(after_s=GRACE_S) == NOTHING
    [due] = here.submit(1, first=2)
    here.take()
    here.ledger.delay(here.claim(due, lease_s=60).lease, 0.01, unknown=False)
    time.sleep(0.02)
    assert here.sweep() == Swept(due=1)
    assert here.queued() == [due.job_id]


def test_what_has_happened_since_it_was_looked_at_is_not_undone(here: Place) -> None:
    [handle] = here.submit(1)
    here.take()
    delayed = "revio:default:delayed"
    here.ledger.delay(here.claim(handle).lease, 0.0, unknown=False)
    seen = here.redis.zscore(delayed, handle.job_id)
    time.sleep(0.002)
    here.ledger.delay(here.claim(handle).lease, 0.0, unknown=False)
    assert not here.ledger.republisher.republish(
        "default", handle.job_id, delayed, seen, front=False
    )
    here.claim(handle)
    assert not here.ledger.republisher.republish("default", handle.job_id, delayed, front=False)
    assert here.queued() == []


def test_an_ended_job_leaves_nothing_to_sweep(here: Place) -> None:
    [handle] = here.submit(1)
    here.take()
    here.ledger.settle(here.claim(handle).lease, {"ok": {}}, "applied", frozenset({"rate"}))
    wait_out_the_lease()
    assert here.sweep(after_s=GRACE_S) == NOTHING
    left = {key.decode().split(":")[2] for key in here.redis.keys("revio:default:*")}
    assert left == {
        *("sequence", "ended", "job", "outcome", "product"),
        *("history", "history_number"),
    }


def test_a_parked_job_is_woken_to_the_front_when_the_product_is_free(here: Place) -> None:
    first, second, third = here.jobs.submit(UpdateJob(id=1, rate=rate) for rate in (1, 2, 3))
    time.sleep(0.002)
    here.submit(5, first=100)
    claim = here.claim(first, lease_s=60)
    for handle in (first, second, third):
        assert here.take() == handle.job_id
    assert here.claim(third) == NotNow("parked")
    assert here.claim(second) == NotNow("parked")
    here.ledger.settle(claim.lease, {"ok": {}}, "applied", frozenset())
    assert here.queued()[0] == second.job_id
    assert third.job_id not in here.queued()
    # In the sweep's eyes, too, it is before those that were submitted later.
    assert here.redis.zrank(WAITING, second.job_id) == 0
    # One that was put back still goes first.
    here.ledger.requeue(here.claim(second, lease_s=60).lease, unknown=False)
    assert third.job_id not in here.queued()
    again = here.claim(second, lease_s=60)
    here.ledger.settle(again.lease, {"ok": {}}, "applied", frozenset())
    assert here.queued()[0] == third.job_id


def test_a_parked_job_that_nobody_woke_comes_again_by_itself(here: Place) -> None:
    first, second = here.jobs.submit(UpdateJob(id=1, rate=rate) for rate in (1, 2))
    here.redis.delete(QUEUE)
    assert isinstance(here.claim(first, lease_s=1.0), Claimed)
    assert here.claim(second) == NotNow("parked")
    time.sleep(1.1)
    assert here.sweep() == Swept(due=1, lease_expired=1)
    here.ledger.settle(here.claim(first, lease_s=60).lease, {"ok": {}}, "applied", frozenset())
    assert isinstance(here.claim(second), Claimed)


def test_a_raw_message_that_a_dead_worker_had_is_republished(here: Place) -> None:
    job = UpdateJob(id=1, rate=1)
    here.ledger.claim(job, "raw", Lane.BULK)
    wait_out_the_lease()
    assert here.sweep() == Swept(lease_expired=1)
    assert here.queued() == ["raw"]


def test_every_account_and_lane_is_swept(here: Place) -> None:
    wishes = [UpdateJob(account=account, id=1, rate=1) for account in ("default", "acme")]
    for lane in Lane:
        here.jobs.submit(wishes, lane)
    queues = [f"revio.{account}.{lane}" for account in ("default", "acme") for lane in Lane]
    here.redis.delete(*queues)
    here.sweep()
    assert here.sweep(after_s=GRACE_S) == Swept(lost=4)
    assert [here.redis.llen(queue) for queue in queues] == [1, 1, 1, 1]


def test_one_worker_sweeps_and_another_takes_over_when_it_dies(here: Place) -> None:
    first, second = here.sweeper(interval_s=100), here.sweeper(interval_s=100)
    assert first.sweep() == NOTHING
    assert second.sweep() is None
    assert first.sweep() == NOTHING
    [lead] = here.redis.keys("revio:sweeper:*")
    assert 0 < here.redis.pttl(lead) <= 300_000
    here.redis.delete(lead)
    assert second.sweep() == NOTHING
    assert first.sweep() is None


def test_a_worker_of_other_accounts_keeps_nobody_from_sweeping_ours(here: Place) -> None:
    [handle] = here.submit(1)
    others = here.sweeper(accounts=("sandbox",))
    assert others.sweep() == NOTHING
    here.ledger.delay(here.claim(handle).lease, 0.0, unknown=False, why="Unavailable: 503")
    here.redis.delete(QUEUE)
    assert here.sweep() == Swept(due=1)
    assert others.sweep() == NOTHING
    assert here.queued() == [handle.job_id]


def test_accounts_of_two_leaders_are_swept_once(here: Place) -> None:
    [handle] = here.submit(1)
    here.ledger.delay(here.claim(handle).lease, 0.0, unknown=False, why="Unavailable: 503")
    here.redis.delete(QUEUE)
    assert here.sweeper(accounts=("default", "sandbox")).sweep() == Swept(due=1)
    assert here.sweep() == NOTHING
    assert here.queued() == [handle.job_id]


def test_who_lost_the_lead_forgets_what_it_missed(here: Place) -> None:
    here.submit(1)
    here.take()
    here.sweep()
    [lead] = here.redis.keys("revio:sweeper:*")
    here.redis.set(lead, "another")
    assert here.sweep(after_s=GRACE_S) is None
    here.redis.delete(lead)
    assert here.sweep() == NOTHING
    assert here.sweep(after_s=GRACE_S) == Swept(lost=1)


def test_a_silent_redis_is_unavailable() -> None:
    with embedded_redis() as server:
        place = Place(server.url)
        server.kill()
        with pytest.raises(Unavailable):
            place.sweep()
        place.close()


def test_a_round_costs_no_more_commands_when_more_jobs_wait(here: Place) -> None:
    def commands() -> int:
        here.sweep(after_s=1)
        before = here.redis.info("stats")["total_commands_processed"]
        assert here.sweep(after_s=1) == NOTHING
        return int(here.redis.info("stats")["total_commands_processed"]) - int(before)

    here.submit(1000)
    few = commands()
    here.submit(9000, first=1001)
    assert commands() == few
