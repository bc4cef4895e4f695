"""An account that nobody knows is refused: the answer would be taken for that about another."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from cli.command import main
from cli.exit_code import ExitCode
from revio_jobs import Lane
from revio_jobs.ledger_keys import LedgerKeys
from worker.limiter import LanePauses

COMMANDS = (
    "lane show",
    "lane pause --reason x",
    "lane resume",
    "audit",
    "dead list",
    "dead retry --all",
    "dead discard --all",
    "history export -o history.jsonl",
    "history follow histories --once",
)


@pytest.fixture
def redis(redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Redis:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVIO_REDIS_URL", redis_url)
    return Redis.from_url(redis_url)


@pytest.fixture
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = "REVIO_ACCOUNTS__EAST__"
    for name in ("USERNAME", "PASSWORD", "CLIENT_CODE", "SUBSCRIPTION_KEY"):
        monkeypatch.setenv(f"{prefix}{name}", "x")
    monkeypatch.setenv(f"{prefix}ENDPOINT", "http://127.0.0.1:1/v20")


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize("command", [*COMMANDS, "withdraw --lane bulk --yes --reason x"])
def test_a_mistyped_account_is_refused_and_the_right_ones_are_named(
    redis: Redis, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--account", ""]) == ExitCode.INVALID
    assert "'' is not one of east" in capsys.readouterr().err
    assert main([*command.split(), "--account", "esat"]) == ExitCode.INVALID
    says = capsys.readouterr()
    assert "'esat' is not one of east: neither these settings nor Redis know it" in says.err
    assert not says.out
    assert LanePauses(redis).get("esat", Lane.BULK) is None
    assert main([*command.split(), "--account", "east"]) == ExitCode.OK


@pytest.mark.parametrize("command", COMMANDS)
def test_without_accounts_in_the_settings_redis_tells_which_there_are(
    redis: Redis, command: str
) -> None:
    redis.incr(LedgerKeys("east").sequence)
    assert main([*command.split(), "--account", "esat"]) == ExitCode.INVALID
    assert main([*command.split(), "--account", "east"]) != ExitCode.INVALID


def test_a_pause_comes_before_the_first_job(
    redis: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lane", "pause", "--reason", "not yet", "--account", "east"]) == ExitCode.OK
    # Or it is another Redis than theirs.
    assert "no worker of the account has reported to this Redis" in capsys.readouterr().out
    assert LanePauses(redis).get("east", Lane.BULK) is not None


def test_a_pause_without_a_reason_is_refused(redis: Redis) -> None:
    assert main(["lane", "pause", "--reason", " "]) == ExitCode.INVALID
    assert LanePauses(redis).get("default", Lane.BULK) is None


def test_a_second_pause_hides_no_reason_from_whoever_resumes(
    redis: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    for reason in ("the WSDL has changed: é", "month end", "month end"):
        assert main(["lane", "pause", "--lane", "bulk", "--reason", reason]) == ExitCode.OK
    pause = LanePauses(redis).get("default", Lane.BULK)
    assert pause is not None
    assert pause.reason == f"the WSDL has changed: é; {pause.by} adds: month end"
    assert pause.reason in capsys.readouterr().out
    for reason in ("month", "the WSDL has changed: é", "month"):
        assert main(["lane", "pause", "--lane", "bulk", "--reason", reason]) == ExitCode.OK
    again = LanePauses(redis).get("default", Lane.BULK)
    assert again is not None
    assert again.reason == f"{pause.reason}; {pause.by} adds: month"
    pauses = LanePauses(redis)
    assert not pauses.resume_as_read("default", Lane.BULK, pause.digest)
    capsys.readouterr()
    assert main(["lane", "resume"]) == ExitCode.OK
    assert pauses.get("default", Lane.BULK) is None
    resumed = capsys.readouterr().out.partition("resumed: bulk was paused by")[2]
    assert again.reason in resumed
    pauses.pause("default", Lane.BULK, pause)
    assert pauses.resume_as_read("default", Lane.BULK, pause.digest)
    assert pauses.resume_as_read("default", Lane.BULK, "")
    assert pauses.get("default", Lane.BULK) is None
