"""A start that is refused when nobody sees standard error is told in the worker's log file."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from worker.celery_app.start_refusal import refuse_start

CELERY = ["/bin/celery", "-A", "worker"]


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    for handler in logging.root.handlers:
        if handler not in handlers:
            handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("option", ["-f {}", "-f{}", "--logfile {}", "--logfile={}"])
def test_the_reason_is_in_the_file_that_the_command_line_names(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    option: str,
) -> None:
    given = option.format(tmp_path / "%n.log").split()
    monkeypatch.setattr("sys.argv", [*CELERY, "worker", "-E", "-n", "one@host", *given])
    with pytest.raises(SystemExit) as ended:
        refuse_start("the settings are wrong", 2)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "the settings are wrong\n"
    event = json.loads((tmp_path / "one.log").read_text())
    assert (event["event"], event["reason"]) == ("worker_refused", "the settings are wrong")


@pytest.mark.parametrize(("user", "is_made"), [(0, False), (1000, True)])
def test_a_file_that_only_root_could_write_is_not_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int, *, is_made: bool
) -> None:
    log = tmp_path / "worker.log"
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setattr("sys.argv", [*CELERY, "worker", "--uid=revio", f"--logfile={log}"])
    with pytest.raises(SystemExit):
        refuse_start("the settings are wrong")
    assert log.exists() == is_made


@pytest.mark.parametrize("words", [["worker"], ["inspect", "ping"], ["worker", "--unknown", "-f"]])
def test_without_a_file_one_line_is_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", [*CELERY, *words])
    with pytest.raises(SystemExit):
        refuse_start("no")
    assert capsys.readouterr() == ("", "no\n")
