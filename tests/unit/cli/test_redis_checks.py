from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from cli.doctor.check_result import CheckResult, Verdict, fine, skipped, warning
from cli.doctor.doctor import Diagnosis
from cli.doctor.redis_checks import address, check_redis, redis_gone
from cli.exit_code import ExitCode

URL = "redis://user:hunter2@redis.example:6380/3"
HEALTHY = {
    "redis_version": "7.4.1",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "maxmemory": 1000,
    "used_memory": 100,
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
}


class FakeRedis:
    """Answers what the checks ask for."""

    def __init__(
        self,
        info: dict[str, Any] | Exception,
        at: float = 1000.0,
        config: dict[str, str] | Exception | None = None,
    ) -> None:
        self._info = info
        self._at = at
        self._config = {"appendfsync": "always"} if config is None else config

    def info(self) -> dict[str, Any]:
        if isinstance(self._info, Exception):
            raise self._info
        return self._info

    def time(self) -> tuple[int, int]:
        return int(self._at), round(self._at % 1 * 1_000_000)

    def config_get(self, _: str) -> dict[str, str]:
        if isinstance(self._config, Exception):
            raise self._config
        return self._config


def findings(info: dict[str, Any] | Exception, at: float = 1000.0) -> list[CheckResult]:
    fake: Any = FakeRedis(info, at)
    return check_redis(fake, URL, now=lambda: 1000.0)


def test_a_healthy_redis_has_nothing_to_fix() -> None:
    assert {(finding.verdict, finding.fix) for finding in findings(HEALTHY)} == {(Verdict.OK, "")}


@pytest.mark.parametrize(
    ("change", "verdict", "fix"),
    [
        ({"redis_version": "6.0.16"}, Verdict.WRONG, "6.2"),
        ({"role": "slave"}, Verdict.WRONG, "primary"),
        ({"maxmemory_policy": "allkeys-lru"}, Verdict.WRONG, "maxmemory-policy noeviction"),
        ({"maxmemory_policy": "volatile-ttl"}, Verdict.WRONG, "maxmemory-policy noeviction"),
        ({"maxmemory": 1000, "used_memory": 901}, Verdict.WARNING, "maxmemory"),
        ({"maxmemory": 0, "used_memory": 901}, Verdict.WARNING, "set `maxmemory`"),
        ({"aof_enabled": 0}, Verdict.WARNING, "appendonly yes"),
        ({"aof_last_write_status": "err"}, Verdict.WRONG, "disk"),
        ({"aof_enabled": 0, "rdb_last_bgsave_status": "err"}, Verdict.WRONG, "disk"),
    ],
)
def test_what_endangers_jobs_is_found_with_its_fix(
    change: dict[str, Any], verdict: Verdict, fix: str
) -> None:
    (found,) = [
        finding for finding in findings(HEALTHY | change) if finding.verdict is not Verdict.OK
    ]
    assert found.verdict is verdict
    assert fix in found.fix
    assert found.code is (ExitCode.FAILED if verdict is Verdict.WRONG else ExitCode.OK)


def persistence(
    config: dict[str, str] | Exception, url: str = "redis://:hunter2@redis.example/3"
) -> CheckResult:
    fake: Any = FakeRedis(HEALTHY, config=config)
    [found] = [
        finding
        for finding in check_redis(fake, url, now=lambda: 1000.0)
        if finding.check == "Redis's persistence"
    ]
    return found


@pytest.mark.parametrize("setting", ["everysec", "no"])
def test_a_file_that_is_not_synced_with_each_write_is_a_warning(setting: str) -> None:
    found = persistence({"appendfsync": setting})
    assert found.verdict is Verdict.WARNING
    assert f"`appendfsync {setting}`" in found.says
    assert "appendfsync always" in found.fix


@pytest.mark.parametrize("refusal", [ResponseError("unknown command 'CONFIG'"), {}])
def test_a_redis_that_shows_no_settings_is_said_to(refusal: dict[str, str] | Exception) -> None:
    found = persistence(refusal)
    assert found.verdict is Verdict.OK
    assert "was not asked" in found.says


def test_a_named_user_who_seldom_may_is_not_made_to_ask() -> None:
    found = persistence(AssertionError("asked"), URL)
    assert found.verdict is Verdict.OK
    assert "was not asked" in found.says


@pytest.mark.parametrize(("at", "word"), [(1005.5, "5.50 s ahead"), (990.0, "10.00 s behind")])
def test_clocks_that_differ_are_a_warning(at: float, word: str) -> None:
    (found,) = [finding for finding in findings(HEALTHY, at) if finding.verdict is Verdict.WARNING]
    assert word in found.says


def test_a_redis_that_does_not_answer_is_one_finding() -> None:
    (found,) = findings(RedisConnectionError("Connection refused"))
    assert (found.verdict, found.code) == (Verdict.WRONG, ExitCode.UNREACHABLE)
    assert "redis.example:6380/3" in found.says


@pytest.mark.parametrize(
    ("refusal", "fix"),
    [
        (AuthenticationError("invalid username-password pair"), "password"),
        (NoPermissionError("no permissions to run the 'info' command"), "users.acl"),
    ],
)
def test_a_redis_that_refuses_us_is_told_apart(refusal: RedisError, fix: str) -> None:
    (found,) = findings(refusal)
    assert found.code is ExitCode.FAILED
    assert "refuses us" in found.says
    assert fix in found.fix


def test_no_finding_shows_the_password() -> None:
    everything = findings(HEALTHY) + findings(RedisConnectionError("refused"))
    assert not any("hunter2" in str(entry) for entry in everything)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h", "h:6379/0"),
        ("rediss://:p@h:1/2", "h:1/2"),
        ("redis://[::1]:7/", "[::1]:7/0"),
        ("redis://redis.example?db=5", "redis.example:6379/5"),
        ("unix://:p@/run/redis.sock?db=2", "/run/redis.sock, database 2"),
        (
            "sentinel://:p@a:1/2;sentinel://:p@b/2",
            "the master of a:1/2, b:26379/2",
        ),
    ],
)
def test_an_address_is_host_port_and_database(url: str, shown: str) -> None:
    assert address(url) == shown


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (RedisConnectionError("reset"), ExitCode.UNREACHABLE, "answers no more: reset"),
        (NoPermissionError("no pubsub"), ExitCode.FAILED, "refuses a check: no pubsub"),
    ],
)
def test_a_redis_that_goes_while_others_are_checked_is_wrong(
    error: RedisError, code: ExitCode, says: str
) -> None:
    gone = redis_gone(error, URL)
    assert (gone.verdict, gone.code) == (Verdict.WRONG, code)
    assert says in gone.says
    assert "hunter2" not in gone.says


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([fine("a", "x"), skipped("certificate", "there is none")], "all is well"),
        ([skipped("login", "no call", "again")], "nothing wrong was found; not made: 1 check"),
        (
            [warning("b", "y", "z"), skipped("login", "no call", "again")],
            "nothing is wrong, but see 1 warning; not made: 1 check",
        ),
    ],
)
def test_what_was_not_checked_is_not_called_well(results: list[CheckResult], verdict: str) -> None:
    assert list(Diagnosis(results).tables())[-1] == verdict
