"""`python -m console` says what it lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.command import main
from console.parts import Console
from settings import Settings

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
    "arguments",
    [
        "--port 9000 --address ::1",
        "serve --port 9000 --address ::1",
        "--port 9000 serve --address ::1",
    ],
)
def test_the_place_to_listen_counts_before_serve_and_behind_it(
    monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    places: list[tuple[str, int]] = []

    def note(address: str, port: int) -> int:
        places.append((address, port))
        return 0

    monkeypatch.setattr("console.command._serve", note)
    assert main(arguments.split()) == 0
    assert main([]) == 0
    assert places == [("::1", 9000), ("127.0.0.1", 8070)]


def test_a_place_to_listen_is_refused_where_nothing_listens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--port", "9000", "user", "list"])
    assert "--address and --port are for serve" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTPS://Console.Example.COM:443/", "https://console.example.com"),
        ("https://console.example.com:8443", "https://console.example.com:8443"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://127.0.0.1:8070", "http://127.0.0.1:8070"),
    ],
)
def test_the_console_knows_its_address_as_browsers_write_it(url: str, origin: str) -> None:
    account = dict.fromkeys(("username", "password", "client_code"), "x")
    settings = Settings.model_validate(
        {
            "accounts": {"default": {**account, "endpoint": "https://h/x"}},
            "console_url": url,
            "console_secret": SECRET,
        }
    )
    console = Console.of(settings)
    assert (console.origin, console.is_secure) == (origin, origin.startswith("https:"))


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
