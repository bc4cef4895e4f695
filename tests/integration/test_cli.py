"""The `revio` command against real Redis, workers and the sandbox."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from redis import Redis

from cli.dev import Stack, local_stack
from cli.exit_code import ExitCode
from sandbox.local.embedded_redis import embedded_redis, free_port
from tests.day_reset import in_half_a_day
from tests.integration.terminal import interrupted
from tests.patience import PATIENCE_S, wait_until

Revio = Callable[..., Any]

ROOT = Path(__file__).parents[2]
ACCOUNT = "REVIO_ACCOUNTS__DEFAULT__"
DENIED = 5050
PATIENCE = str(PATIENCE_S)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    environment = {f"{ACCOUNT}DAY_RESET_HOUR": in_half_a_day()}
    with local_stack(sandbox={"customers": 40}, environment=environment) as running:
        yield running


@pytest.fixture
def run(stack: Stack, revio: Revio) -> Revio:
    """`revio` as an operator of the stack."""
    return lambda *arguments, **env: revio(*arguments, env={**stack.environment, **env})


@pytest.fixture
def produce(stack: Stack, revio: Revio) -> Revio:
    """`revio` as a producer, who knows of Redis and nothing else."""
    return lambda *arguments: revio(*arguments, env={"REVIO_REDIS_URL": stack.redis.url})


def test_a_query_answers_with_what_the_vendor_has(stack: Stack, produce: Revio) -> None:
    result = produce("query", "--customer", "1004,1008", "--customer", "1012", "--json")
    assert (result.code, result.err) == (ExitCode.OK, "")
    shown = result.document["result"]["customer_products"]
    truth = stack.sandbox.products(entry["customer_product_id"] for entry in shown)
    assert len(shown) == len(truth) == 12
    for entry in shown:
        assert entry["rate"] == truth[entry["customer_product_id"]]["Rate"]
        assert entry["description"] == truth[entry["customer_product_id"]]["Description"]


def test_a_query_is_a_table_without_json(produce: Revio) -> None:
    result = produce("query", "--id", "5001", "--id", "999999")
    assert (result.code, result.err) == (ExitCode.OK, "")
    assert "5001" in result.out
    assert "1 customer product, 1 vendor call" in result.out
    assert "not found: 999999" in result.out


def test_an_update_changes_what_it_names_and_its_result_is_found_again(
    stack: Stack, produce: Revio
) -> None:
    done = produce("update", "5002", "--rate", "12.50", "--key", "one", "--json")
    assert (done.code, done.document["state"]) == (ExitCode.OK, "done")
    assert done.document["result"].items() >= {"outcome": "applied", "sent": ["rate"]}.items()
    assert [update["fields"] for update in stack.sandbox.updates([5002])[5002]] == [
        {"Rate": "12.5000"}
    ]
    by_key = produce("result", "--key", "one", "--json")
    by_id = produce("result", done.document["job_id"], "--json")
    assert by_key.document == by_id.document == done.document


def test_a_negative_rate_and_every_other_field_can_be_given(stack: Stack, produce: Revio) -> None:
    fields = {
        "--rate": "-5",
        "--quantity": "3",
        "--description": "Crédit",
        "--code1": "A",
        "--code2": "B",
        "--activated-date": "2026-01-31",
        "--disconnect-date": "2026-12-31",
    }
    options = [job for pair in fields.items() for job in pair]
    assert produce("update", "5003", *options, "--do-not-prorate").code == ExitCode.OK
    (execution,) = stack.sandbox.updates([5003])[5003]
    assert execution["fields"] == {
        "Rate": "-5.0000",
        "Quantity": "3",
        "Description": "Crédit",
        "Code1": "A",
        "Code2": "B",
        "ActivatedDate": "2026-01-31",
        "DisconnectDate": "2026-12-31",
        "DoNotProrateFlag": "true",
    }


def test_an_update_that_changes_nothing_can_be_left_unsent(stack: Stack, produce: Revio) -> None:
    rate = str(stack.sandbox.products([5010])[5010]["Rate"])
    done = produce("update", "5010", "--rate", rate, "--skip-unchanged", "--json").document
    assert (done["result"]["outcome"], done["result"]["sent"]) == ("applied", [])
    assert not stack.sandbox.updates([5010])


def test_the_same_key_is_not_executed_again_and_guards_its_payload(
    stack: Stack, produce: Revio
) -> None:
    first = produce("update", "5004", "--rate", "1", "--key", "two", "--json")
    again = produce("update", "5004", "--rate", "1.00", "--key", "two", "--json")
    other = produce("update", "5004", "--rate", "2", "--key", "two", "--json")
    assert again.document == first.document
    assert other.code == ExitCode.FAILED
    assert other.document["error"]["type"] == "IdempotencyConflict"
    assert len(stack.sandbox.updates([5004])[5004]) == 1


def test_what_no_longer_holds_is_drifted_and_nothing_is_sent(stack: Stack, produce: Revio) -> None:
    rate = Decimal(stack.sandbox.products([5005])[5005]["Rate"] or 0)
    expected = ["--expect", f"rate={rate + 1}", "--expect", "quantity=4711"]
    result = produce("update", "5005", "--rate", "1", *expected, "--json")
    assert result.code == ExitCode.FAILED
    assert result.document["result"]["outcome"] == "drifted"
    assert Decimal(result.document["result"]["found"]["rate"]) == rate
    assert not stack.sandbox.updates([5005])
    held = produce("update", "5005", "--rate", "1", "--expect", f"rate={rate}", "--json")
    assert held.document["result"]["outcome"] == "applied"


def test_a_refused_update_fails_with_the_vendors_words(produce: Revio) -> None:
    result = produce("update", str(DENIED), "--rate", "1", "--json")
    assert (result.code, result.document["state"]) == (ExitCode.FAILED, "failed")
    assert result.document["error"]["type"] == "Rejected"
    (line,) = result.err.splitlines()
    assert "denied" in line


def test_clear_is_refused_where_the_schema_cannot_say_it(produce: Revio) -> None:
    result = produce("update", "5006", "--clear", "code1,code2", "--json")
    assert result.code == ExitCode.FAILED
    assert result.document["error"]["type"] == "UnsupportedChange"


def test_a_job_that_no_worker_takes_is_still_waiting(stack: Stack, produce: Revio) -> None:
    result = produce("query", "--id", "1", "--account", "other", "--timeout", "0", "--json")
    assert (result.code, result.document["state"]) == (ExitCode.RUNNING, "waiting")
    assert "revio.other.interactive" in result.err
    with Redis.from_url(stack.redis.url) as redis:
        assert redis.llen("revio.other.interactive") == 1


def test_without_waiting_the_job_can_be_collected_later(produce: Revio) -> None:
    sent = produce("update", "5007", "--rate", "3", "--no-wait", "--json")
    assert sent.code == ExitCode.OK
    done = produce("result", sent.document["job_id"], "--timeout", PATIENCE, "--json")
    assert (done.code, done.document["result"]["outcome"]) == (ExitCode.OK, "applied")


@contextmanager
def suspended(pid: int | None) -> Iterator[None]:
    """That process does nothing meanwhile."""
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_job_that_takes_too_long_goes_on(stack: Stack, produce: Revio) -> None:
    change = ("update", "5008", "--rate", "3", "--key", "slow", "--json")
    with suspended(stack.sandbox.pid):
        produce(*change, "--no-wait")
        wait_until(
            lambda: produce("result", "--key", "slow", "--json").document["state"] == "running"
        )
        slow = produce(*change, "--timeout", "0.5")
        assert (slow.code, slow.document["state"]) == (ExitCode.RUNNING, "running")
        assert f"revio result {slow.document['job_id']}" in slow.err
        assert produce("result", "--key", "slow").code == ExitCode.RUNNING
    done = produce("result", "--key", "slow", "--timeout", PATIENCE, "--json")
    assert (done.code, done.document["state"]) == (ExitCode.OK, "done")


def test_an_unknown_job_is_told_apart_from_a_failed_one(produce: Revio) -> None:
    result = produce("result", "no-such-job", "--json")
    assert (result.code, result.document["state"]) == (ExitCode.FAILED, "unknown")
    assert "no-such-job" in result.err


def test_a_result_that_has_gone_is_told_with_how_the_job_ended(
    stack: Stack, produce: Revio
) -> None:
    done = produce("update", "5009", "--rate", "3", "--key", "old", "--json").document
    with Redis.from_url(stack.redis.url) as redis:
        redis.delete(f"revio:default:outcome:{done['job_id']}")
        redis.delete(f"celery-task-meta-{done['job_id']}")
    result = produce("result", "--key", "old", "--json")
    assert (result.code, result.document["state"]) == (ExitCode.FAILED, "expired")
    assert "applied" in result.document["error"]["message"]
    assert re.fullmatch(
        rf"revio: job {done['job_id']} ended as applied at 20\S+\+00:00; its result has expired\n",
        result.err,
    )


def test_limits_count_what_the_sandbox_received(stack: Stack, run: Revio) -> None:
    assert run("query", "--id", "5001").code == ExitCode.OK
    usage = run("limits", "--json").document["accounts"]["default"]
    received = stack.sandbox.calls()["received"]
    downloads = stack.sandbox.calls()["other"]["WSDL"]
    assert usage["day_used"] == received + downloads == sum(usage["purposes_today"].values())
    assert usage["minute_left_interactive"] == 500 - usage["minute_used"]
    assert usage["minute_left_bulk"] == 500 - usage["minute_used"]
    assert usage["queued"] == {"interactive": 0, "bulk": 0}
    assert sum(usage["lanes_minute"].values()) == usage["minute_used"]
    result = run("limits", "--account", "default")
    assert (result.code, result.err) == (ExitCode.OK, "")
    assert "calls may go out" in result.out


def test_the_record_proves_that_the_limits_held_or_shows_where_not(
    stack: Stack, run: Revio
) -> None:
    assert run("query", "--id", "5001").code == ExitCode.OK
    result = run("limits", "verify", "--json")
    usage = run("limits", "--json").document["accounts"]["default"]
    assert (result.code, result.document["accounts"]["default"]["holds"]) == (ExitCode.OK, True)
    assert result.document["accounts"]["default"]["calls"] == usage["day_used"]
    for since in ("1h", "999999d"):
        assert "the limits held for" in run("limits", "verify", "--since", since).out
    assert run("limits", "verify", "--since", "yesterday").code == ExitCode.INVALID
    stricter = {f"{ACCOUNT}CALLS_PER_MINUTE": "1", f"{ACCOUNT}BULK_HEADROOM_PER_MINUTE": "0"}
    broken = run("limits", "verify", "--account", "default", **stricter)
    assert broken.code == ExitCode.FAILED
    assert "THE LIMITS DID NOT HOLD" in broken.out
    assert "over the limit, the first" in broken.out


def test_limits_can_be_watched_until_ctrl_c(stack: Stack, run: Revio) -> None:
    assert run("limits", "--watch", "--json").code == ExitCode.INVALID
    ended = interrupted(["limits", "--watch"], stack.environment, after=b"calls for")
    assert ended == (0, b"")


def test_limits_of_an_account_that_is_not_configured_are_a_usage_error(run: Revio) -> None:
    result = run("limits", "--account", "elsewhere")
    assert result.code == ExitCode.INVALID
    assert "'elsewhere' is not one of default" in result.err
    assert "wait" not in result.err


def test_jobs_of_an_account_that_is_not_configured_are_told_of(run: Revio, produce: Revio) -> None:
    produce("update", "5003", "--rate", "1", "--account", "typo", "--timeout", "0")
    for command in (["limits"], ["explain", "x"]):
        result = run(*command, "--account", "typo")
        assert result.code == ExitCode.INVALID
        assert "1 job of it waits, and no worker" in result.err
    checks = {finding["check"]: finding for finding in run("doctor", "--json").document["checks"]}
    assert checks["account typo"]["verdict"] == "warning"
    assert "1 job of it waits" in checks["account typo"]["says"]


def test_doctor_finds_a_healthy_stack_and_names_every_field(stack: Stack, run: Revio) -> None:
    _forget_other_accounts(stack)
    # A worker that is slow to answer is a warning.
    wait_until(lambda: "see 2 warnings" in run("doctor").out)
    result = run("doctor", "--json")
    assert (result.code, result.err) == (ExitCode.OK, "")
    verdicts = {check["check"]: check["verdict"] for check in result.document["checks"]}
    assert verdicts.pop("Redis's persistence") == "warning"
    assert verdicts.pop("Redis's memory") == "warning"
    assert verdicts.pop("default: certificate") == "skipped"
    assert set(verdicts.values()) == {"ok"}
    assert {"settings", "Redis", "default: WSDL", "default: login"} <= verdicts.keys()
    fields = result.document["services"]["default"]["fields"]
    assert {"rate", "quantity", "ids", "status"} <= {field["name"] for field in fields}
    words = run("doctor")
    assert words.code == ExitCode.OK
    # The stack's Redis writes no append-only file, and has no maxmemory.
    assert "nothing is wrong, but see 2 warnings" in words.out


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"REVIO_THREADS": "0"}, ExitCode.INVALID, ("REVIO_THREADS='0'", "environment")),
        ({f"{ACCOUNT}PASSWORD": "hunter2"}, ExitCode.FAILED, ("default: login", "PASSWORD")),
        (
            {f"{ACCOUNT}SUBSCRIPTION_KEY": "hunter2"},
            ExitCode.FAILED,
            ("default: login", "SUBSCRIPTION_KEY"),
        ),
        ({f"{ACCOUNT}WSDL": __file__}, ExitCode.FAILED, ("default: WSDL", f"{ACCOUNT}WSDL")),
        (
            {f"{ACCOUNT}ENDPOINT": "http://127.0.0.1:1/v20/default.asmx"},
            ExitCode.UNREACHABLE,
            ("default: WSDL", f"{ACCOUNT}ENDPOINT"),
        ),
    ],
)
def test_doctor_says_what_is_wrong_and_how_to_fix_it(
    stack: Stack, run: Revio, change: dict[str, str], code: ExitCode, told: tuple[str, str]
) -> None:
    result = run("doctor", "--json", **change)
    _forget_refusals(stack)
    assert result.code == code
    first = next(finding for finding in result.document["checks"] if finding["verdict"] == "wrong")
    check, fix = told
    assert first["check"] == check
    assert fix in first["fix"]
    assert first["mend"] == first["fix"], "the older name"
    assert "hunter2" not in result.out + result.err
    assert "Traceback" not in result.out + result.err


def test_doctor_says_which_workers_are_missing(stack: Stack, run: Revio) -> None:
    west = {
        name.replace("DEFAULT", "WEST"): value
        for name, value in stack.environment.items()
        if name.startswith(ACCOUNT)
    }
    checks = {
        finding["check"]: finding for finding in run("doctor", "--json", **west).document["checks"]
    }
    missing = checks["workers of revio.west.bulk"]
    assert missing["verdict"] == "warning"
    assert "-Q revio.west.bulk" in missing["fix"]


def test_doctor_warns_of_a_redis_that_drops_what_it_holds(stack: Stack, revio: Revio) -> None:
    with embedded_redis(options={"maxmemory-policy": "allkeys-lru"}) as redis:
        result = revio("doctor", env={**stack.environment, "REVIO_REDIS_URL": redis.url})
    assert result.code == ExitCode.FAILED
    assert "maxmemory-policy noeviction" in result.out


@pytest.mark.parametrize(
    "command",
    [
        ["query", "--id", "1"],
        ["update", "1", "--rate", "1"],
        ["result", "x"],
        ["limits"],
        ["doctor"],
    ],
)
def test_a_redis_that_is_down_is_told_in_a_few_words(
    stack: Stack, revio: Revio, command: list[str]
) -> None:
    down = {**stack.environment, "REVIO_REDIS_URL": f"redis://:hunter2@127.0.0.1:{free_port()}/0"}
    result = revio(*command, "--json", env=down)
    assert result.code == ExitCode.UNREACHABLE
    assert result.document
    assert "hunter2" not in result.out + result.err
    assert len(result.err.splitlines()) <= 2


def _asks_for_results(redis: Redis, client: int) -> bool:
    """Whether one that has come after that client does."""
    return any(
        entry["cmd"] == "mget" and int(entry["id"]) > client for entry in redis.client_list()
    )


@contextmanager
def waiting_for_a_worker(stack: Stack, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    """A `revio` of its own whose job is in a queue that nobody takes from."""
    command = [sys.executable, "-m", "cli", "query", "--id", "1", "--account", "nobody", "--json"]
    environment = {"PATH": os.environ["PATH"], "REVIO_REDIS_URL": stack.redis.url, "TERM": "xterm"}
    with Redis.from_url(stack.redis.url) as redis:
        client = int(redis.client_id())
        with subprocess.Popen(command, cwd=ROOT, env=environment, **streams) as process:
            try:
                wait_until(lambda: redis.llen("revio.nobody.interactive") or process.poll())
                redis.delete("revio.nobody.interactive")
                # It waits from when it has asked for the result.
                wait_until(lambda: _asks_for_results(redis, client) or process.poll())
                assert process.poll() is None
                yield process
            finally:
                process.kill()


def test_ctrl_c_ends_the_waiting_and_says_that_the_job_goes_on(stack: Stack) -> None:
    with waiting_for_a_worker(stack, stdout=PIPE, stderr=PIPE) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == ExitCode.RUNNING
    assert json.loads(out)["state"] == "waiting"
    assert b"revio result" in err
    assert b"Traceback" not in err


def test_on_a_terminal_a_long_wait_shows_itself_on_standard_error_alone(stack: Stack) -> None:
    ours, theirs = pty.openpty()
    with waiting_for_a_worker(stack, stdout=PIPE, stderr=theirs) as process:
        shown = b""
        while b"waiting for job" not in shown:
            shown += os.read(ours, 1024)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
    os.close(ours)
    os.close(theirs)
    assert json.loads(out)["state"] == "waiting"


def test_the_launcher_needs_no_directory_and_minds_no_packages_in_it(
    stack: Stack, tmp_path: Path
) -> None:
    for name in ("settings", "tasks", "cli"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong one')")
    launcher = Path(sys.prefix) / "bin" / "revio"
    ended = subprocess.run(
        [launcher, "query", "--id", "5001", "--json"],
        cwd=tmp_path,
        env={"REVIO_REDIS_URL": stack.redis.url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["state"] == "done"


def _forget_other_accounts(stack: Stack) -> None:
    with Redis.from_url(stack.redis.url) as redis:
        queues = [*redis.scan_iter("revio.*", _type="list")]
        others = [queue for queue in queues if b".default." not in queue]
        places = [key for key in redis.scan_iter("revio:*") if b":default:" not in key]
        if others or places:
            redis.delete(*others, *places)


def _forget_refusals(stack: Stack) -> None:
    """A refused login rests the account; the next test is another day."""
    with Redis.from_url(stack.redis.url) as redis:
        for pattern in ("revio:default:soap:*", "revio:default:calls:state"):
            for key in redis.scan_iter(pattern):
                redis.delete(key)
