"""Flower's login is taken from its secret file as it stands, or refused."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

CONFIGURATION = Path(__file__).parents[3] / "deploy" / "flower.py"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("ann:pass word \n", "has blanks before or after it"),
        (" ann:secret", "has blanks before or after it"),
        ("ann\n", "must be user:password"),
        ("", "must be user:password"),
    ],
)
def test_a_login_that_could_be_meant_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, problem: str
) -> None:
    (tmp_path / "flower_login").write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVIO_SECRETS_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match=problem) as refused:
        runpy.run_path(str(CONFIGURATION))
    assert "pass word" not in str(refused.value)


def test_a_login_is_taken_without_its_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flower_login").write_bytes(b"\xef\xbb\xbfann:pass word:x\r\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVIO_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("REVIO_REDIS_URL", "redis://127.0.0.1:1/0")
    assert runpy.run_path(str(CONFIGURATION))["basic_auth"] == ["ann:pass word:x"]
