"""An option of one value is given once: click would let the last of several count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.main import get_command

from cli.command import app
from cli.exit_code import ExitCode
from cli.given_once import GivenOnce

Revio = Callable[..., Any]


def every_command(command: Any, name: str = "revio") -> Iterator[tuple[str, Any]]:
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from every_command(below, f"{name} {word}")


def test_no_command_lets_the_last_of_several_values_count() -> None:
    commands = dict(every_command(get_command(app)))
    assert len(commands) > 30
    assert [name for name, command in commands.items() if not isinstance(command, GivenOnce)] == []


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("campaign plan -o p --customer 1 --where id=1 --where status=ACTIVE", "--where"),
        (
            "campaign plan list.csv -o p --effective 2030-01-01 --effective=2030-02-01",
            "--effective",
        ),
        ("campaign plan list.csv -o p --round 1 up --round 0.01 up", "--round"),
        ("campaign apply p --start now --start 2030-01-01", "--start"),
        ("dead discard --error Rejected --error OutcomeUnknown", "--error"),
        ("lane pause --reason x --account a --account b", "--account"),
        ("update 1 --rate 10 --rate 12", "--rate"),
        ("update 1 --do-not-prorate --prorate", "--do-not-prorate / --prorate"),
        ("limits --account a --account b verify", "--account"),
        ("withdraw --older-than 1d --older-than 2h", "--older-than"),
    ],
)
def test_an_option_of_one_value_that_is_given_twice_is_refused(
    revio: Revio, arguments: str, option: str
) -> None:
    answer = revio(*arguments.split())
    assert answer.code in {ExitCode.INVALID, ExitCode.FAILED}
    assert f"{option}: it is given 2 times, and takes one value" in answer.err


def test_lists_and_flags_may_be_given_again(revio: Revio) -> None:
    answer = revio("update", "1", "--clear", "code1", "--clear", "prize", "--json", "--json")
    assert answer.document["error"]["message"].startswith("clear.1: 'prize' is not allowed")


@pytest.mark.parametrize("option", [["--account", "west"], ["--json"], ["--watch"]])
def test_an_option_before_a_command_that_would_not_heed_it_is_refused(
    revio: Revio, option: list[str]
) -> None:
    answer = revio("limits", *option, "verify")
    assert answer.code == ExitCode.INVALID
    assert "give options behind the command: revio limits verify" in answer.err
