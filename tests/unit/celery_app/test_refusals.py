"""Celery's options and commands that would not hold here stop the start, with the way to do it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from celery import Celery
from celery.bin.base import CLIContext
from celery.bin.celery import celery as celery_group
from celery.bin.worker import worker
from celery.worker.control import Panel

from worker.celery_app.refusals import (
    BROKERS,
    COMMANDS,
    OPTIONS,
    SUBCOMMANDS,
    refuse_lost_options,
    refuse_options,
    refuse_options_without_effect,
    refuse_other_brokers,
    refuse_queues,
    refuse_repeated_options,
    refuse_subcommands,
)
from worker.celery_app.restart import make_restartable

TABLE = Path(__file__).parents[3] / "docs" / "operators" / "celery-commands.md"
LANES = ("revio.default.interactive", "revio.default.bulk")
VALUES = {
    "--pool": "prefork",
    "--concurrency": "4",
    "--autoscale": "10,2",
    "--prefetch-multiplier": "4",
    "--time-limit": "10",
    "--soft-time-limit": "10",
    "--max-tasks-per-child": "5",
    "--max-memory-per-child": "5000",
    "--pool-start-method": "spawn",
    "--optimization": "fair",
    "--schedule-filename": "schedule",
    "--scheduler": "of.mine",
}


@pytest.fixture(scope="module")
def given() -> Iterator[CLIContext]:
    """What Celery's own commands are given by the one before them."""
    with Celery(set_as_current=False) as app:
        yield CLIContext(app=app, no_color=True, workdir=None)


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_would_not_hold_stops_the_start_and_names_the_way(
    option: str, given: CLIContext
) -> None:
    arguments = [option, VALUES[option]] if option in VALUES else [option]
    with (
        worker.make_context("worker", arguments, obj=given),
        pytest.raises(SystemExit, match=f"^celery worker {option}: ") as refused,
    ):
        refuse_options()
    assert OPTIONS[option] in str(refused.value)


@pytest.mark.parametrize(
    ("included", "excluded", "fault"),
    [
        ("revio.default.interactve", None, "--queues revio.default.interactve: this is not a lane"),
        (["revio.default.bulk", "celery"], None, "--queues celery: this is not a lane"),
        ("revio.acme.bulk", None, "--queues revio.acme.bulk: .* of default$"),
        ("", None, "--queues : this is not a lane"),
        (None, "revio.default.bulc", "--exclude-queues revio.default.bulc: this is not a lane"),
        (None, [*LANES], "--exclude-queues: no lane is left to serve"),
        (LANES[0], LANES[0], "--exclude-queues: no lane is left to serve"),
    ],
)
def test_a_queue_that_is_not_a_lane_stops_the_start(
    included: Any, excluded: Any, fault: str
) -> None:
    with pytest.raises(SystemExit, match=f"^celery worker {fault}"):
        refuse_queues(included, excluded, {"default"})


@pytest.mark.parametrize(
    ("included", "excluded"), [(None, None), (LANES[0], None), ([*LANES], LANES[1]), ([], LANES[0])]
)
def test_lanes_of_the_settings_accounts_are_taken(included: Any, excluded: Any) -> None:
    refuse_queues(included, excluded, {"default"})


def test_other_options_are_taken(given: CLIContext) -> None:
    arguments = ["-Q", "revio.default.bulk", "-n", "x@y", "-l", "DEBUG", "-E"]
    with worker.make_context("worker", arguments, obj=given):
        refuse_options()


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["-Q", LANES[0], "-Q", LANES[1]], "--queues"),
        ([f"--exclude-queues={LANES[0]}", "-X", LANES[1]], "--exclude-queues"),
        (["-E", "-l", "INFO", "-lDEBUG"], "--loglevel"),
    ],
)
def test_an_option_of_which_celery_would_heed_the_last_alone_is_given_once(
    arguments: list[str], option: str, given: CLIContext
) -> None:
    """As behind `celery -A worker`, whose own option has the same word."""
    argv = ["celery", "-A", "worker", "worker", *arguments]
    with (
        click.Context(celery_group, obj=given) as group,
        worker.make_context("worker", arguments, parent=group),
        pytest.raises(SystemExit, match=f"^celery worker {option}: it is given 2 times"),
    ):
        refuse_repeated_options(argv)


def test_lists_and_flags_may_be_given_as_they_are(given: CLIContext) -> None:
    arguments = ["-Q", ",".join(LANES), "-E", "-E"]
    with worker.make_context("worker", arguments, obj=given):
        refuse_repeated_options(["celery", *arguments])


@pytest.mark.parametrize(
    ("arguments", "way"),
    [
        (["--umask", "0123"], "--umask: it holds with --detach, as octal digits after a 0"),
        (["--executable", "/other/python"], "--executable: it holds with --detach"),
    ],
)
def test_an_option_that_celery_ignores_without_detach_stops_the_start(
    arguments: list[str], way: str, given: CLIContext
) -> None:
    with (
        worker.make_context("worker", arguments, obj=given),
        pytest.raises(SystemExit, match=f"^celery worker {re.escape(way)}"),
    ):
        refuse_options_without_effect()


def test_an_option_of_detach_that_holds_is_taken(
    given: CLIContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.umask", lambda _: 0o27)
    arguments = ["--umask", "027", "--executable", sys.executable]
    with worker.make_context("worker", arguments, obj=given):
        refuse_options_without_effect()


@pytest.mark.parametrize("option", ["--uid", "--gid"])
def test_a_user_that_celery_would_lose_as_it_detaches_stops_the_start(option: str) -> None:
    with pytest.raises(SystemExit, match=f"^celery worker {option}: .*write {option}="):
        refuse_lost_options(["celery", "worker", "--detach", option, "nobody"])
    refuse_lost_options(["celery", "worker", "--detach", f"{option}=nobody"])
    refuse_lost_options(["celery", "worker", option, "nobody"])


def test_python_can_be_started_again_with_the_arguments_of_a_module() -> None:
    of_module = ["/site-packages/celery/__main__.py", "-A", "worker", "worker"]
    of_script = ["/bin/celery", "-A", "worker", "worker"]
    make_restartable(of_module)
    make_restartable(of_script)
    assert of_module == ["-m", "celery", "-A", "worker", "worker"]
    assert of_script == ["/bin/celery", "-A", "worker", "worker"]


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_a_command_that_would_not_hold_is_refused_and_names_the_way(command: str) -> None:
    with click.Context(click.Group("celery")) as context:
        context.invoked_subcommand = command
        with pytest.raises(SystemExit, match=f"^celery {command}: ") as refused:
            refuse_subcommands()
    assert SUBCOMMANDS[command] in str(refused.value)


@pytest.mark.parametrize("variable", BROKERS)
def test_another_broker_than_that_of_the_settings_is_refused(variable: str) -> None:
    with pytest.raises(SystemExit, match=f"{variable}: leave them out; REVIO_REDIS_URL"):
        refuse_other_brokers({variable: "redis://elsewhere"})
    refuse_other_brokers({"REVIO_REDIS_URL": "redis://here", variable: ""})


def names_of_celery() -> Iterator[str]:
    """All that Celery itself lists: options of its worker, its commands and its remote commands."""
    for parameter in worker.params:
        yield next(option for option in parameter.opts if option.startswith("--"))
    yield from Panel.meta
    yield from celery_group.commands


@pytest.mark.parametrize(
    "name", sorted({*names_of_celery(), *OPTIONS, *SUBCOMMANDS, *COMMANDS, *BROKERS})
)
def test_the_table_names_it(name: str) -> None:
    assert re.search(rf"`(celery )?{re.escape(name)}`", TABLE.read_text("utf-8"))
