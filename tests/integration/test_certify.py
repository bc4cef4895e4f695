"""`revio certify` from the command line, against a sandbox and a Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from redis import Redis

from certification.store import Certificates
from sandbox import Account, RunningSandbox
from sandbox.local.client import running
from tests.conftest import Revio

ACCOUNT = Account()
PREFIX = "REVIO_ACCOUNTS__DEFAULT__"
PRODUCT = 5001
CERTIFY = ("certify", "--product", str(PRODUCT), "--sandbox-client", ACCOUNT.client_code)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running(customers=40, calls_per_minute=0) as sandbox:
        yield sandbox


@pytest.fixture
def env(redis_url: str, sandbox: RunningSandbox) -> Mapping[str, str]:
    return {
        "REVIO_REDIS_URL": redis_url,
        f"{PREFIX}ENDPOINT": sandbox.endpoint,
        f"{PREFIX}USERNAME": ACCOUNT.username,
        f"{PREFIX}PASSWORD": ACCOUNT.password,
        f"{PREFIX}CLIENT_CODE": ACCOUNT.client_code,
        f"{PREFIX}SUBSCRIPTION_KEY": ACCOUNT.subscription_key,
        f"{PREFIX}CALLS_PER_MINUTE": "60000",
    }


def test_a_run_leaves_a_certificate_in_files_and_in_redis_and_products_as_they_were(
    revio: Revio, env: Mapping[str, str], sandbox: RunningSandbox, tmp_path: Path
) -> None:
    sandbox.edit(PRODUCT, Status="ACTIVE", Rate="24.9500", Quantity="2", Description="Seat")
    before = sandbox.products()
    run = revio(*CERTIFY, "--json", env=env)
    assert run.code == 0, run.err
    assert run.document["settings"]["read_back"] == "immediate"
    assert sandbox.products() == before
    assert sandbox.updates().keys() == {PRODUCT}
    assert json.loads((tmp_path / "certify-default.json").read_text()) == run.document
    assert "Certificate of account default" in (tmp_path / "certify-default.html").read_text()
    assert not (tmp_path / "certify-default.journal").exists()
    with Redis.from_url(env["REVIO_REDIS_URL"]) as redis:
        stored = Certificates(redis).load("default")
    assert stored is not None
    assert stored.document() == run.document


def test_a_dry_run_lists_the_experiments_and_calls_nothing(
    revio: Revio, env: Mapping[str, str], sandbox: RunningSandbox
) -> None:
    calls = sandbox.calls()["received"]
    run = revio("certify", "--dry-run", "--slow", "--json", env=env)
    listed = {experiment["name"]: experiment for experiment in run.document["experiments"]}
    assert listed["session_lifetime"]["calls"] > 0
    assert listed["rates"]["writes"] == "a rate"
    assert "burst" not in listed
    assert sandbox.calls()["received"] == calls


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sandbox-client", "sandbox-client"), "name products that may be changed"),
        (("--product", "5001"), "vendor's sandbox"),
        (("--product", "5001", "--sandbox-client", "production"), "vendor's sandbox"),
        (("--product", "x", "--read-only"), "not a number"),
        (("--account", "other", "--read-only"), "other"),
    ],
)
def test_nothing_is_written_that_was_not_asked_for_in_so_many_words(
    revio: Revio,
    env: Mapping[str, str],
    sandbox: RunningSandbox,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    calls = sandbox.calls()["received"]
    run = revio("certify", *arguments, env=env)
    assert run.code == 2
    assert says in " ".join(run.err.split())
    assert sandbox.calls()["received"] == calls
