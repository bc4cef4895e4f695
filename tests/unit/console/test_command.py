"""`python -m console` says what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.command import main

SECRET = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    prefix = "REVIO_ACCOUNTS__DEFAULT__"
    for name in ("USERNAME", "PASSWORD", "CLIENT_CODE", "SUBSCRIPTION_KEY"):
        monkeypatch.setenv(f"{prefix}{name}", "x")
    monkeypatch.setenv(f"{prefix}ENDPOINT", "http://127.0.0.1:1/v20")


def test_the_console_says_what_it_lacks_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "REVIO_CONSOLE_SECRET is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("console", "secrets"), [("s/console", "s"), ("data", "data/secrets"), ("same", "same")]
)
def test_uploads_never_lie_where_secrets_are_read_from(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    console: str,
    secrets: str,
) -> None:
    Path(secrets).mkdir(parents=True)
    monkeypatch.setenv("REVIO_CONSOLE_SECRET", SECRET)
    monkeypatch.setenv("REVIO_CONSOLE_DIR", console)
    monkeypatch.setenv("REVIO_SECRETS_DIR", secrets)
    assert main([]) == 2
    assert "an upload could be read as a setting" in capsys.readouterr().err
