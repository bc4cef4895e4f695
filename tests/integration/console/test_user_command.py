"""`python -m console` edits the file of users, and says what keeps it from serving."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from campaigns.store.signers import SignerRecord, Signers
from console.command import main
from console.security.sessions import SessionLimits, SessionStore


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    prefix = "REVIO_ACCOUNTS__DEFAULT__"
    for name in ("USERNAME", "PASSWORD", "CLIENT_CODE", "SUBSCRIPTION_KEY"):
        monkeypatch.setenv(f"{prefix}{name}", "x")
    monkeypatch.setenv(f"{prefix}ENDPOINT", "http://127.0.0.1:1/v20")


def test_users_are_added_listed_and_removed_with_their_tokens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis_url: str
) -> None:
    monkeypatch.setenv("REVIO_REDIS_URL", redis_url)
    signers = Signers(Redis.from_url(redis_url))
    signers.add(SignerRecord("k", "ann", "00", 1e10, ("default:planner",)))
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert main(["user", "add", "ann", "defualt:planner"]) == 2
    assert "defualt: is not one of the settings' accounts, default" in capsys.readouterr().err
    assert main(["user", "add", "ann", "default:planner", "default:viewer"]) == 0
    assert main(["user", "roles", "ann", "default:approver"]) == 0
    record = signers.get("k")
    assert record is not None
    assert record.revoked_at
    assert main(["user", "list"]) == 0
    assert capsys.readouterr().out == "ann\tdefault:approver\n"
    assert main(["user", "remove", "ann"]) == 0
    assert main(["user", "remove", "ann"]) == 2
    assert "there is no user ann" in capsys.readouterr().err


def test_somebody_who_signs_in_elsewhere_loses_their_tokens_and_sessions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis_url: str
) -> None:
    monkeypatch.setenv("REVIO_REDIS_URL", redis_url)
    redis = Redis.from_url(redis_url)
    signers, sessions = Signers(redis), SessionStore(redis, "secret", SessionLimits(60, 3600))
    signers.add(SignerRecord("k", "ann@example.com", "00", 1e10, ("default:planner",)))
    anns, bobs = (
        sessions.begin(f"{name}@example.com", "https://id.example", ("default:planner",))
        for name in ("Ann", "bob")
    )
    assert main(["user", "remove", "ann@example.com"]) == 0
    told = capsys.readouterr().err
    assert "1 token of ann@example.com revoked" in told
    assert "1 session of ann@example.com ended" in told
    assert [sessions.goes_on(session) for session in (anns, bobs)] == [False, True]
    record = signers.get("k")
    assert record is not None
    assert record.revoked_at
    assert main(["user", "remove", "ann@example.com"]) == 2


@pytest.mark.parametrize("change", [["remove", "ann"], ["roles", "ann", "default:viewer"]])
def test_without_redis_nothing_is_changed_so_that_no_token_outlives_its_owner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: list[str]
) -> None:
    monkeypatch.setenv("REVIO_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert main(["user", "add", "ann", "default:planner"]) == 0
    assert main(["user", *change]) == 2
    assert main(["user", "list"]) == 0
    assert capsys.readouterr().out == "ann\tdefault:planner\n"


def test_what_keeps_the_console_from_serving_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    monkeypatch.setenv("REVIO_CONSOLE_SECRET", Fernet.generate_key().decode())
    monkeypatch.setenv("REVIO_REDIS_URL", "redis://127.0.0.1:1/0")
    assert main([]) == 2
    monkeypatch.setenv("REVIO_REDIS_URL", redis_url)
    Path("file").write_text("")
    monkeypatch.setenv("REVIO_CONSOLE_DIR", "file/console")
    assert main([]) == 2
    Path("users").write_text("{")
    monkeypatch.setenv("REVIO_CONSOLE_USERS", "users")
    assert main([]) == 2
    redis, directory, users = capsys.readouterr().err.splitlines()
    assert redis.startswith("console: Redis: Error 111")
    assert (
        directory == "console: REVIO_CONSOLE_DIR: file/console cannot be written: Not a directory"
    )
    assert users.startswith("console: users: it is damaged")
    for port in ("99999", "-1", "x"):
        with pytest.raises(SystemExit):
            main([f"--port={port}"])
        assert f"'{port}' is not a port" in capsys.readouterr().err
