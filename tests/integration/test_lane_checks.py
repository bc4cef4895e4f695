"""What doctor says of lanes whose jobs wait, and of a Redis that is full."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from cli.doctor.check_result import CheckResult, Verdict
from cli.doctor.doctor import diagnose
from cli.doctor.foreign_apps import check_foreign_apps
from cli.doctor.lane_checks import Served, check_account_names, check_lanes, check_queue_names
from cli.exit_code import ExitCode
from revio_jobs import Lane, RevioJobs
from revio_jobs.celery_app import producer_app
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.conftest import Revio
from worker.limiter import LaneClosures, LanePauses, LimitRules, Pause, RedisLimiter

ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"
SETTINGS = {
    f"{ACCOUNT}ENDPOINT": "http://127.0.0.1:1/v20/default.asmx",
    **{f"{ACCOUNT}{name}": "x" for name in ("USERNAME", "PASSWORD", "CLIENT_CODE")},
}
SERVED: Served = {f"revio.default.{lane.value}": ("w1",) for lane in Lane}


class Place:
    """One account, without jobs."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.pauses = LanePauses(redis)
        self.limiter = RedisLimiter(
            redis, {"default": LimitRules(calls_per_minute=500, calls_per_day=900)}
        )
        self.closures = LaneClosures(self.pauses, self.limiter)

    def look(self, served: Served = SERVED) -> list[CheckResult]:
        """Of the interactive lane, and of the bulk lane."""
        return list(check_lanes(self.closures, ["default"], served))


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    with Redis.from_url(redis_url) as redis:
        yield Place(redis)


def test_a_lane_is_in_order_if_some_worker_takes_from_it(place: Place) -> None:
    assert [(letter.verdict, letter.says) for letter in place.look()] == [(Verdict.OK, "w1")] * 2
    interactive, _ = place.look({"revio.default.bulk": ("w1",)})
    assert interactive.verdict is Verdict.WARNING
    assert "start one" in interactive.fix


def test_a_paused_lane_is_told_with_who_and_why_and_not_as_one_without_workers(
    place: Place,
) -> None:
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    place.pauses.pause("default", Lane.BULK, Pause("price list is wrong", "ann", since))
    interactive, bulk = place.look({"revio.default.interactive": ("w1",)})
    assert interactive.verdict is Verdict.OK
    assert bulk.verdict is Verdict.WARNING
    assert (
        bulk.says
        == "the bulk lane is paused by ann since 2026-01-02 03:04:05 UTC: price list is wrong"
    )
    assert bulk.fix == "revio lane resume --account default --lane bulk"


def test_a_paused_account_is_told_for_each_lane(place: Place) -> None:
    place.limiter.pause("default", 60, "the vendor's minute is used up (429)")
    for letter in place.look({}):
        assert letter.verdict is Verdict.WARNING
        assert "the vendor's minute is used up (429)" in letter.says
        assert "opens by itself" in letter.fix


def test_jobs_of_accounts_that_are_not_known_are_counted(place: Place, redis_url: str) -> None:
    with RevioJobs.connect(redis_url) as jobs:
        for account in ("typo", "typo", "default"):
            jobs.update(id=1, rate=1, account=account)
    place.redis.set("revio.other.bulk", "no list")
    [found] = check_account_names(place.redis, ["default"])
    assert (found.check, found.verdict) == ("account typo", Verdict.WARNING)
    assert found.says.startswith("2 jobs of it wait, ")
    place.redis.delete("revio.typo.interactive")  # as when they rest after a failure
    assert list(check_account_names(place.redis, ["default"])) == [found]
    place.redis.delete("revio:typo:waiting:interactive")
    assert list(check_account_names(place.redis, ["default"])) == []


def test_messages_in_a_queue_with_a_mistyped_name_are_told(place: Place, redis_url: str) -> None:
    with producer_app(redis_url) as app:
        for queue in ("revio.default.blk", "revio.default.bulk", "revio.other.bulk", "celery"):
            app.send_task("revio.customer_products.query", kwargs={"ids": [1]}, queue=queue)
    [found] = check_queue_names(place.redis, ["default"])
    assert (found.check, found.verdict) == ("queue revio.default.blk", Verdict.WARNING)
    assert found.says.startswith("1 message, ")
    assert "revio.default.bulk" in found.fix


def test_another_celery_app_on_the_database_is_told_and_ours_is_not(
    place: Place, redis_url: str
) -> None:
    with producer_app(redis_url) as app:
        app.send_task("revio.customer_products.query", queue="revio.default.bulk")
        app.control.ping(timeout=0.01)
    assert list(check_foreign_apps(place.redis)) == []
    with Celery(broker=redis_url, set_as_current=False) as other:
        other.send_task("invoices.print", queue="invoices")
    [found] = check_foreign_apps(place.redis)
    assert found.verdict is Verdict.OK
    assert "invoices" in found.says


@pytest.fixture(scope="module")
def full() -> Iterator[EmbeddedRedis]:
    with embedded_redis() as server, Redis.from_url(server.url) as redis:
        redis.config_set("maxmemory", "100kb")
        yield server


@pytest.mark.parametrize(
    "command",
    [
        ["update", "1", "--rate", "1", "--timeout", "1"],
        ["query", "--id", "1", "--timeout", "1"],
        ["lane", "pause", "--reason", "x"],
    ],
)
def test_a_full_redis_is_told_as_such(
    full: EmbeddedRedis, revio: Revio, command: list[str]
) -> None:
    result = revio(*command, env={"REVIO_REDIS_URL": full.url})
    assert result.code == ExitCode.UNREACHABLE
    assert "Redis is full" in result.err
    assert "maxmemory" in result.err.splitlines()[1]
    assert "start it" not in result.err


def test_a_full_redis_can_still_be_audited(full: EmbeddedRedis, revio: Revio) -> None:
    assert revio("audit", "--account", "default", env={"REVIO_REDIS_URL": full.url}).code == 0


def test_a_full_redis_is_doctors_first_finding(full: EmbeddedRedis, revio: Revio) -> None:
    result = revio("doctor", "--json", env={**SETTINGS, "REVIO_REDIS_URL": full.url})
    assert result.code == ExitCode.UNREACHABLE
    [wrong] = [check for check in result.document["checks"] if check["verdict"] == "wrong"]
    assert wrong["check"] == "Redis's memory"
    assert "CONFIG SET maxmemory" in wrong["fix"]


def test_doctor_does_not_pass_over_a_redis_that_goes_in_the_middle(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Celery) -> Served:
        raise RedisConnectionError("it went")

    port = place.redis.connection_pool.connection_kwargs["port"]
    for name, value in {**SETTINGS, "REVIO_REDIS_URL": f"redis://127.0.0.1:{port}/0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("cli.doctor.doctor.served_queues", gone)
    diagnosis = diagnose()
    assert diagnosis.exit_code is ExitCode.UNREACHABLE
    assert "it went" in diagnosis.results[-1].says


def test_doctor_calls_nothing_while_redis_is_a_replica(place: Place, revio: Revio) -> None:
    port = place.redis.connection_pool.connection_kwargs["port"]
    place.redis.replicaof("127.0.0.1", "1")
    try:
        env = {**SETTINGS, "REVIO_REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        result = revio("doctor", "--login-again", "--json", env=env)
    finally:
        place.redis.replicaof("NO", "ONE")
    assert result.code == ExitCode.FAILED
    checks = {check["check"]: check for check in result.document["checks"]}
    assert checks["Redis's role"]["verdict"] == "wrong"
    assert checks["vendor"]["verdict"] == "skipped"
