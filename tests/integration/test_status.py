"""What `revio status` shows of an account, and what it says needs a person."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ResponseError

from campaigns.run.state import READ_FAILS, READ_REFUSED, STEP_FAILS, RunStep, Status
from campaigns.store import OperatorStore
from cli.exit_code import ExitCode
from revio_jobs import Lane, QueryJob, errors
from revio_jobs.ledger_keys import LedgerKeys
from settings import AccountSettings
from tests.integration.account_place import RUN, VENDOR, Place
from tests.integration.terminal import interrupted
from tests.patience import wait_until
from worker.limiter import LimitRules, RedisLimiter
from worker.limiter.limits_drift import PublishedLimits

HOUR_MS = 3_600_000

Look = Callable[..., Any]


@pytest.fixture
def place(redis_url: str) -> Iterator[Place]:
    place = Place(redis_url)
    yield place
    place.close()


@pytest.fixture
def look(place: Place, revio: Callable[..., Any]) -> Look:
    return lambda *arguments: revio("status", *arguments, env=place.environment)


def concerns(look: Look) -> list[tuple[str, str, str]]:
    """What needs a person; the exit code says whether anything does."""
    answer = look("--json")
    found = [
        (concern["about"], concern["says"], concern["fix"])
        for concern in answer.document["concerns"]
    ]
    assert answer.code == (ExitCode.FAILED if found else ExitCode.OK), answer.err
    assert answer.document["ok"] is not bool(found)
    return found


def test_an_account_in_order_needs_nobody(place: Place, look: Look) -> None:
    place.submit(Lane.BULK)
    assert concerns(look) == []
    account = look("--json").document["accounts"]["default"]
    assert account["workers"] == ["worker@here"]
    assert account["lanes"]["bulk"]["queued"] == 1
    assert account["lanes"]["bulk"]["closed"] is None
    assert account["updates"]["waiting"] == 1


def test_the_screen_tells_calls_workers_lanes_and_that_nothing_is_to_be_done(look: Look) -> None:
    screen = look().out
    assert "account default: calls may go out" in screen
    assert "0 of 500 in the last minute, 0 of 150,000 today" in screen
    assert "workers  worker@here" in screen
    assert "interactive" in screen
    assert screen.endswith("nothing needs a person\n")


def test_jobs_without_a_worker_need_one(place: Place, look: Look) -> None:
    place.redis.delete("revio:default:limits")
    place.submit(Lane.INTERACTIVE)
    [(about, says, fix)] = concerns(look)
    assert about == "workers"
    assert says.startswith("1 job in revio.default.interactive")
    assert fix.endswith("-Q revio.default.interactive")


def test_a_lane_whose_jobs_no_worker_takes_needs_one_though_the_other_lane_is_served(
    place: Place, look: Look
) -> None:
    place.report("worker@here", lanes=[Lane.INTERACTIVE])
    place.submit(Lane.BULK)
    [(about, says, _)] = concerns(look)
    assert about == "workers"
    assert says.startswith("1 job in revio.default.bulk")


def test_jobs_that_dead_workers_hold_or_that_are_put_off_need_a_worker_too(
    place: Place, look: Look
) -> None:
    """Only workers put them back into their queue."""
    place.submit(Lane.INTERACTIVE)
    place.hold("revio.default.interactive")
    place.delay(Lane.BULK)
    assert concerns(look) == []
    place.redis.delete("revio:default:limits")
    found = concerns(look)
    assert [about for about, _, _ in found] == ["workers", "workers"]
    assert all("(1 of them held by a worker, or put off)" in says for _, says, _ in found)


def test_an_update_that_nobody_sweeps_needs_the_workers_to_be_looked_at(
    place: Place, look: Look
) -> None:
    place.delay(Lane.BULK)
    delayed = LedgerKeys("default").delayed
    [(job_id, _)] = place.redis.zscan_iter(delayed)
    place.redis.zincrby(delayed, -200_000, job_id)
    assert concerns(look) == []
    place.redis.zincrby(delayed, -400_000, job_id)
    [(about, says, fix)] = concerns(look)
    assert about == "sweep"
    assert says.startswith(f"update {job_id.decode()} has been due again for")
    assert "sweep_failed" in fix


def test_messages_in_a_mistyped_queue_and_of_an_unknown_account_need_their_producer_corrected(
    place: Place, look: Look
) -> None:
    place.redis.lpush("revio.default.interactiv", "{}")
    place.jobs.submit([QueryJob(account="defualt", ids=[1])], Lane.BULK)
    (about, mistyped, correct), (_, unknown, configure) = concerns(look)
    assert about == "queues"
    assert unknown == "1 message in revio.defualt.bulk, and no worker takes from it"
    assert configure.startswith("configure the account defualt")
    assert "revio.default.bulk" in configure
    assert mistyped == "1 message in revio.default.interactiv, and no worker takes from it"
    assert "to revio.default.interactive" in correct


def test_queues_of_accounts_that_workers_of_other_settings_serve_need_nobody(
    place: Place, look: Look
) -> None:
    place.jobs.submit([QueryJob(account="other", ids=[1])], Lane.BULK)
    account = AccountSettings.model_validate(VENDOR)
    PublishedLimits(place.redis, {"other": account}, "worker@there").publish()
    assert concerns(look) == []


@pytest.mark.parametrize(
    ("lane", "hours", "is_too_long"),
    [(Lane.INTERACTIVE, 1, True), (Lane.BULK, 1, False), (Lane.BULK, 25, True)],
)
def test_an_update_that_waits_too_long_for_its_lane_needs_somebody(
    place: Place, look: Look, lane: Lane, hours: int, *, is_too_long: bool
) -> None:
    place.submit(lane, accepted_ms_ago=hours * HOUR_MS)
    assert [about for about, _, _ in concerns(look)] == ([lane.value] if is_too_long else [])


def test_a_paused_lane_needs_somebody_to_resume_it(
    place: Place, look: Look, revio: Callable[..., Any]
) -> None:
    pause = ["--lane", "bulk", "--reason", "wrong list"]
    assert revio("lane", "pause", *pause, env=place.environment).code == ExitCode.OK
    [(about, says, fix)] = concerns(look)
    assert about == "bulk"
    assert "wrong list" in says
    assert fix.endswith("revio lane resume --account default --lane bulk")


def test_an_account_that_the_vendor_refuses_needs_its_login_corrected(
    place: Place, look: Look
) -> None:
    rules = LimitRules(calls_per_minute=500, calls_per_day=150_000)
    assert RedisLimiter(place.redis, {"default": rules}).close("default", "S2005: wrong password")
    found = concerns(look)
    assert [about for about, _, _ in found] == ["interactive", "bulk"]
    assert all("wrong password" in says for _, says, _ in found)
    assert all(fix.startswith("correct the account's login") for _, _, fix in found)


def test_errors_that_need_a_person_are_counted_and_answers_to_a_job_are_not(
    place: Place, look: Look
) -> None:
    place.fail(errors.OutcomeUnknown("nobody knows"))
    place.fail(errors.OutcomeUnknown("nobody knows either"))
    place.fail(errors.Rejected("E7", "no such rate"))
    assert concerns(look) == [
        (
            "dead letters",
            "2 updates ended as OutcomeUnknown",
            "revio dead list --account default --error OutcomeUnknown",
        )
    ]
    account = look("--json").document["accounts"]["default"]
    assert account["dead_letters"] == {"OutcomeUnknown": 2, "Rejected": 1}


def test_an_accepted_update_that_is_nowhere_needs_somebody(place: Place, look: Look) -> None:
    place.submit(Lane.BULK)
    place.redis.delete(LedgerKeys("default").waiting(Lane.BULK))
    [(about, says, _)] = concerns(look)
    assert (about, says) == ("audit", "1 accepted update cannot be accounted for")


def test_a_run_that_goes_on_is_shown_and_one_that_nobody_feeds_needs_a_worker(
    place: Place, look: Look
) -> None:
    runs = place.start_run()
    [(about, says, _)] = concerns(look)
    assert (about, says) == ("campaign", f"{RUN}: no worker is there to carry it on")
    assert runs.lease("default", "token")
    assert concerns(look) == []
    [run] = look("--json").document["accounts"]["default"]["runs"]
    assert (run["run"], run["status"], run["rows"]) == (RUN, "running", 1)


def test_a_run_that_has_halted_needs_somebody_to_decide(place: Place, look: Look) -> None:
    runs = place.start_run()
    assert runs.lease("default", "token")
    runs.stop("default", RUN, "token", Status.HALTED, "too many errors")
    [(about, says, fix)] = concerns(look)
    assert (about, says) == ("campaign", f"{RUN} has halted: too many errors")
    assert fix.startswith(f"revio campaign resume {RUN}")


def test_a_run_that_somebody_paused_needs_somebody_to_resume_it(place: Place, look: Look) -> None:
    runs = place.start_run()
    assert runs.lease("default", "token")
    OperatorStore(place.redis, "default", keep_s=60).decide(
        RUN,
        "pause",
        by="ann",
        reason="month end",
        possible=[Status.RUNNING],
        status=Status.PAUSED,
    )
    [(about, says, fix)] = concerns(look)
    assert (about, says) == ("campaign", f"{RUN} is paused: month end")
    assert f"revio campaign resume {RUN}" in fix


def test_a_run_whose_steps_fail_needs_somebody_to_report_it(place: Place, look: Look) -> None:
    runs = place.start_run()
    assert runs.lease("default", "token")
    runs.record("default", RUN, "token", RunStep(waits=f"{STEP_FAILS} (ValueError)"))
    [(about, says, fix)] = concerns(look)
    assert (about, says) == ("campaign", f"{RUN}: a worker cannot carry it on (ValueError)")
    assert "campaign_step_failed" in fix


def test_a_run_whose_products_rev_io_refuses_to_read_needs_somebody_to_ask_there(
    place: Place, look: Look
) -> None:
    runs = place.start_run()
    assert runs.lease("default", "token")
    for why, needs in ((READ_FAILS, 0), (READ_REFUSED, 1)):
        runs.record("default", RUN, "token", RunStep(waits=f"{why}: E7"))
        assert [says for _, says, _ in concerns(look)] == [f"{RUN}: {why}: E7"] * needs


def test_a_run_that_cannot_be_read_is_named_and_hides_nothing(
    place: Place, look: Look, revio: Callable[..., Any]
) -> None:
    place.start_run()
    place.redis.hset(f"revio:default:campaign:{RUN}:control", "status", "of a later release")
    place.fail(errors.OutcomeUnknown("nobody knows"))
    (letters, _, _), (about, says, _) = concerns(look)
    assert letters == "dead letters"
    assert about == "campaign"
    assert says.startswith(f"{RUN} cannot be read")
    listed = revio("campaign", "list", env=place.environment)
    assert (listed.code, f"{RUN} cannot be read" in listed.out) == (ExitCode.OK, True)
    document = revio("campaign", "list", "--json", env=place.environment).document
    assert document == {"runs": [], "unreadable": [RUN]}


def test_a_run_whose_time_is_over_is_not_shown_and_hides_nothing(place: Place, look: Look) -> None:
    place.start_run()
    for key in place.redis.keys(f"revio:default:campaign:{RUN}:*"):
        place.redis.delete(key)
    assert concerns(look) == []
    assert look("--json").document["accounts"]["default"]["runs"] == []


def test_workers_with_other_limits_need_the_same_settings(place: Place, look: Look) -> None:
    place.report("worker@there", calls_per_minute=400)
    found = concerns(look)
    assert {about for about, _, _ in found} == {"settings"}
    assert any("calls_per_minute is 400 at worker@there" in says for _, says, _ in found)


def test_a_worker_whose_clock_is_off_needs_it_set(place: Place, look: Look) -> None:
    account = AccountSettings.model_validate(VENDOR)
    hour_ahead = PublishedLimits(
        place.redis, {"default": account}, "worker@there", lambda: time.time() + 3600
    )
    hour_ahead.publish()
    [(about, says, _)] = concerns(look)
    assert about == "clocks"
    assert re.match(r"worker@there's clock is \+3[56]\d\d s", says)


def test_a_redis_that_evicts_needs_another_policy(place: Place, look: Look) -> None:
    place.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        [(about, says, _)] = concerns(look)
    finally:
        place.redis.config_set("maxmemory-policy", "noeviction")
    assert about == "Redis"
    assert "allkeys-lru" in says


def test_a_replica_takes_no_writes_and_needs_its_primary_named(place: Place, look: Look) -> None:
    place.redis.replicaof("127.0.0.1", "1")
    try:
        [(about, says, fix)] = concerns(look)
    finally:
        place.redis.replicaof("NO", "ONE")
    assert (about, says) == ("Redis", "Redis is a slave, which takes no writes")
    assert "REVIO_REDIS_URL" in fix


def test_a_redis_that_is_nearly_full_needs_room_before_it_is_full(place: Place, look: Look) -> None:
    before = place.redis.config_get("maxmemory")["maxmemory"]
    # Beside it the buffers of a few connections more or less do not count.
    place.redis.setrange("ballast", 10_000_000, "x")
    place.redis.config_set("maxmemory", int(place.redis.info("memory")["used_memory"] * 1.07))
    try:
        [(about, says, fix)] = concerns(look)
    finally:
        place.redis.config_set("maxmemory", before)
    assert about == "Redis"
    assert "of its maxmemory" in says
    assert "maxmemory" in fix


def test_a_redis_that_could_not_save_needs_somebody_to_look_at_its_disk(
    place: Place, look: Look
) -> None:
    config = place.redis.config_get("*")
    in_its_way = Path(config["dir"], config["dbfilename"])
    in_its_way.mkdir()
    place.redis.config_set("save", "3600 1")
    with suppress(ResponseError):
        place.redis.bgsave()
    try:
        wait_until(lambda: place.redis.info("persistence")["rdb_last_bgsave_status"] == "err")
        [(about, says, _)] = concerns(look)
    finally:
        in_its_way.rmdir()
        place.redis.config_set("save", config["save"])
        place.redis.save()
    assert about == "Redis"
    assert says.startswith("Redis could not save (rdb_last_bgsave_status)")


def test_an_unknown_account_and_a_redis_that_is_down_are_told(
    place: Place, look: Look, revio: Callable[..., Any]
) -> None:
    assert look("--account", "nobody").code == ExitCode.INVALID
    assert look("--watch", "--json").code == ExitCode.INVALID
    down = place.environment | {"REVIO_REDIS_URL": "redis://127.0.0.1:1/0"}
    assert revio("status", env=down).code == ExitCode.UNREACHABLE


def test_it_can_be_watched_until_ctrl_c(place: Place) -> None:
    ended = interrupted(["status", "--watch"], place.environment, after=b"nothing needs a person")
    assert ended == (0, b"")
