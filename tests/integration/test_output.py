"""What becomes of an answer that its reader or its terminal cannot take."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from redis import Redis

from cli.answer import READER_GONE
from cli.command import main
from cli.exit_code import ExitCode
from revio_jobs import Lane
from worker.limiter import LanePauses

PAUSE = ["lane", "pause", "--reason", "prices → \x1b[2J\u202eschön"]


@pytest.fixture
def redis(redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Redis:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVIO_REDIS_URL", redis_url)
    return Redis.from_url(redis_url)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_terminal_that_knows_ascii_alone_is_shown_everything_escaped(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert main([*PAUSE, *form]) == ExitCode.OK
    text = shown.getvalue().decode()
    assert "\x1b" not in text
    if form:
        assert json.loads(text)["lanes"]["bulk"]["reason"] == PAUSE[-1]
    else:
        assert r"prices \u2192 \ufffd[2J\ufffdsch\xf6n" in text
    assert LanePauses(redis).get("default", Lane.BULK) is not None


@pytest.mark.parametrize("command", [PAUSE, [*PAUSE, "--json"], ["lane", "--help"]])
@pytest.mark.usefixtures("redis")
def test_a_reader_that_has_gone_is_not_a_failed_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        assert main(command) == READER_GONE
        _forget_the_rest(write)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.usefixtures("redis")
def test_an_output_that_is_closed_or_full_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert main([*PAUSE, *form]) == ExitCode.OK
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main([*PAUSE, *form]) == ExitCode.FAILED
        _forget_the_rest(full.fileno())
    assert capsys.readouterr().err == "revio: standard output: No space left on device\n"


def _forget_the_rest(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
