from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from cli.exit_code import ExitCode

Revio = Callable[..., Any]

COMMANDS = ["query", "update", "result", "limits", "doctor"]


def test_without_a_command_the_help_is_shown(revio: Revio) -> None:
    result = revio()
    assert result.code == ExitCode.INVALID
    assert all(command in result.out for command in COMMANDS)
    assert not result.err


def test_the_help_tells_every_exit_code(revio: Revio) -> None:
    shown = " ".join(revio("--help").out.split())
    for code in ExitCode:
        assert f"{code.value} {code.meaning}" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_can_answer_in_json(revio: Revio, command: str) -> None:
    result = revio(command, "--help")
    assert result.code == ExitCode.OK
    assert "--json" in result.out


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["qery"], "qery"),
        (["query", "--idd", "1"], "--idd"),
        (["query", "--id", "1,x"], "--id: 'x'"),
        (["query", "--id", "1,,2"], "--id: ''"),
        (["query", "--id", "٣"], "--id"),
        (["query", "--id", "5,001"], "--id: '001' begins with 0"),
        (["update", "5_001", "--rate", "1"], "'5_001' is not a number"),
        (["update", "1" + "0" * 5000, "--rate", "1"], "is not a number"),
        (
            ["update", "1", "--rate", "1", "--expect", "rate=1", "--expect", "rate=2"],
            "rate is given twice",
        ),
        (["query", "--lane", "fast"], "--lane"),
        (["query", "--id", "1", "--timeout", "-1"], "--timeout"),
        (["update"], "ID"),
        (["update", "x"], "ID"),
        (["update", "1", "--quantity", "1.5"], "--quantity"),
        (["update", "1", "--rate", "1", "--expect", "rate"], "--expect"),
        (["update", "1", "--rate", "1", "--expect", "prize=1"], "--expect"),
        (["update", "1", "--rate", "1", "--expect", "quantity=many"], "--expect"),
        (["exporter", "--port", "70000"], "--port"),
        (["result"], "JOB_ID"),
        (["result", "x", "--key", "y"], "JOB_ID"),
    ],
)
def test_wrong_usage_is_told_in_two_lines_on_standard_error(
    revio: Revio, arguments: list[str], names: str
) -> None:
    result = revio(*arguments)
    assert result.code == ExitCode.INVALID
    assert not result.out
    lines = result.err.splitlines()
    assert len(lines) == 2
    assert names in lines[0]
    assert re.fullmatch(r"revio: see revio( \w+)? --help", lines[1])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["query"], ["give at least one of ids, customer_ids, line_ids"]),
        (["query", "--id", "0"], ["ids.0: 0 is not allowed"]),
        (["query", "--id", "1", "--account", "No"], ["account: 'No' is not allowed"]),
        (["update", "1"], ["no change"]),
        (["update", "1", "--rate", "1e5"], ["rate: '1e5' is not allowed"]),
        (["update", "1", "--rate", "-5.00001"], ["rate: '-5.00001' is not allowed"]),
        (["update", "1", "--clear", "rate,prize"], ["clear.1: 'prize' is not allowed"]),
        (["update", "1", "--rate", "1", "--clear", "rate"], ["given a value and named in clear"]),
        (
            ["update", "0", "--rate", "x", "--expect", "rate=y"],
            ["rate: 'x'", "id: 0", "expected.rate: 'y'"],
        ),
    ],
)
def test_an_invalid_job_is_refused_before_redis_is_asked_with_a_line_a_fault(
    revio: Revio, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: list[str]
) -> None:
    def asked(*_: object, **__: object) -> None:
        pytest.fail("Redis was asked")

    monkeypatch.setattr(Redis, "execute_command", asked)
    monkeypatch.setattr(Redis, "pipeline", asked)
    result = revio(*arguments)
    assert result.code == ExitCode.INVALID
    assert not result.out
    lines = result.err.splitlines()
    assert len(lines) == len(told)
    assert all(any(entry in line for line in lines) for entry in told)


def test_with_json_an_error_is_a_document_too(revio: Revio) -> None:
    result = revio("update", "1", "--json")
    assert result.document["error"]["type"] == "InvalidJob"
    assert result.document["error"]["message"] in result.err


@pytest.mark.parametrize("command", [["query", "--id", "1"], ["result", "x"], ["limits"]])
def test_wrong_settings_are_told_with_a_line_a_fault_and_no_secret(
    revio: Revio, command: list[str]
) -> None:
    wrong = {"REVIO_REDIS_URL": "http://:hunter2@h", "REVIO_REDDIS_URL": "hunter2"}
    result = revio(*command, env=wrong)
    assert result.code == ExitCode.INVALID
    assert not result.out
    assert {"REVIO_REDDIS_URL", "REVIO_REDIS_URL"} <= {
        line.split(": ")[1] for line in result.err.splitlines()
    }
    assert "hunter2" not in result.err


def test_what_nobody_foresaw_is_one_line_and_no_traceback(
    revio: Revio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("cli.jobs.connection.load_redis", fail)
    result = revio("query", "--id", "1")
    assert (result.code, result.out) == (ExitCode.FAILED, "")
    assert result.err == "revio: unexpected ZeroDivisionError: by zero\n"
