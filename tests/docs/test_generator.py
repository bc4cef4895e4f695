"""What the site's references are made from."""

from __future__ import annotations

import re

import pytest

from cli.exit_code import ExitCode
from docs.generator.commands import command_reference, commands, exit_codes
from docs.generator.contracts import CONTRACTS, fields
from docs.generator.links import for_site
from docs.generator.redis_faults import redis_faults
from revio_jobs.redis_faults import REDIS_FAULTS


def test_every_command_has_a_section_with_its_options() -> None:
    reference = command_reference()
    for command in commands():
        assert re.search(rf"^##+ {command}$", reference, re.MULTILINE)
    _, _, plan = reference.partition("### revio campaign plan\n")
    plan, _, _ = plan.partition("\n### ")
    assert "`--skip-problems`" in plan
    assert "| `-o`, `--output` `FILE` | **required** |" in plan
    assert "revio campaign plan [FILE] [OPTIONS]" in plan
    assert "Exit codes: 0 nothing to do." in plan


def test_every_exit_code_is_told() -> None:
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |" in exit_codes()


def test_every_error_word_of_redis_is_told() -> None:
    table = redis_faults()
    for word, fault in REDIS_FAULTS.items():
        assert f"| `{word}` | {fault.meaning} | " in table


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_field_of_a_contract_says_what_it_means(name: str) -> None:
    table = fields(name).splitlines()[2:]
    assert {row.split("`")[1] for row in table} == set(CONTRACTS[name].model_fields)
    for row in table:
        *_, value, _default, meaning, _ = (cell.strip() for cell in re.split(r"(?<!\\)\|", row))
        assert value
        assert meaning.endswith("."), row


def test_a_field_tells_its_range() -> None:
    table = fields("UpdateJob")
    assert "| `id` | integer, 1 to 2,147,483,647 | **required** |" in table
    assert "| `rate` | decimal, at most 19 digits, 4 after the point |" in table
    assert "| `idempotency_key` | text, 1 to 200 characters |" in table


@pytest.mark.parametrize(
    ("page", "written", "rewritten"),
    [
        ("redis.md", "[a](limits.md#the-race)", "[a](limits.md#the-race)"),
        ("redis.md", "[a](../ARCHITECTURE.md)", "[a](architecture.md)"),
        (
            "index.md",
            "[a](docs/limits.md) ![b](docs/images/b.png)",
            "[a](limits.md) ![b](images/b.png)",
        ),
        (
            "operators/run.md",
            "[a](../../README.md) [b](../redis.md)",
            "[a](../index.md) [b](../redis.md)",
        ),
        (
            "index.md",
            "[a](https://example.org/x.md) [b](#here)",
            "[a](https://example.org/x.md) [b](#here)",
        ),
    ],
)
def test_links_of_the_repository_fit_the_site(page: str, written: str, rewritten: str) -> None:
    assert for_site(written, page) == rewritten
