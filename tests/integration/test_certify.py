"""`revio certify` from the command line, against a sandbox and a Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from redis import Redis
from structlog.testing import capture_logs

from certification.store import Certificates
from revio_jobs.errors import QuotaExhausted
from sandbox import Account, RunningSandbox
from sandbox.local.client import running
from tasks.ports import Filters, Purpose
from tests.conftest import Revio
from tests.integration.soap.accounts import RecordingPermits, call, config
from worker.limiter import DayEnds, LimitRules, day_disagreement
from worker.soap import MemorySessionStore, open_gateway
from worker.wiring.vendor import note_day_end

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


def test_doctor_compares_the_settings_and_the_wsdl_with_the_certificate(
    revio: Revio, env: Mapping[str, str], sandbox: RunningSandbox
) -> None:
    assert revio("certify", "--read-only", env=env).code == 0
    known = revio("doctor", "--json", env=env).document["checks"]
    assert [c["verdict"] for c in known if c["check"] == "default: certificate"] == ["ok"]
    sandbox.release("wrapped")
    try:
        more = {**env, f"{PREFIX}SESSION_EXPIRED_CODES": "OTHER"}
        changed = {c["check"]: c for c in revio("doctor", "--json", env=more).document["checks"]}
    finally:
        sandbox.release()
    assert "the WSDL has changed" in changed["default: certificate"]["says"]
    assert "S2006" in changed["default: SESSION_EXPIRED_CODES"]["says"]


def test_a_worker_remembers_when_a_quota_answer_said_that_the_day_ends(
    env: Mapping[str, str], sandbox: RunningSandbox
) -> None:
    with Redis.from_url(env["REVIO_REDIS_URL"]) as redis:
        ends, rules = DayEnds(redis), LimitRules(calls_per_minute=1, calls_per_day=1)
        gateway = open_gateway(
            config(sandbox.endpoint),
            RecordingPermits(),
            MemorySessionStore(),
            on_day_end=partial(note_day_end, ends, "default", rules),
        )
        sandbox.fault("quota-403", seconds=7200)
        with closing(gateway), capture_logs() as logs, pytest.raises(QuotaExhausted) as refused:
            gateway.query(Filters(ids=(5001,)), call(Purpose.QUERY))
        assert ends.get("default") == pytest.approx(refused.value.until, abs=2)
        differs = day_disagreement(refused.value.until, rules)
        assert ["day_reset_differs"] * bool(differs) == [
            log["event"] for log in logs if log["event"] == "day_reset_differs"
        ]


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
