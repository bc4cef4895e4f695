"""Logging in, alone and together with other processes, against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from redis import Redis

from revio_jobs.errors import Throttled, Unauthorised, Unavailable
from sandbox import RunningSandbox
from tasks.ports import Call, Change, Filters, Permit, Purpose
from tests.integration.soap.accounts import RecordingPermits, call, gateway, nothing
from worker.soap import RedisSessionStore, RevioGateway

KEY = SecretStr(Fernet.generate_key().decode())
READ = Filters(ids=(5001,))


@pytest.fixture
def processes(box: RunningSandbox, redis_url: str) -> Iterator[list[RevioGateway]]:
    """Each with a connection of its own to the same Redis."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Redis.from_url(redis_url)) for _ in range(3)]
        yield [
            stack.enter_context(gateway(box, store=RedisSessionStore(client, KEY)))
            for client in clients
        ]


def logins(box: RunningSandbox) -> int:
    found = box.calls()["by_operation"].get("Sessions_Create", {})
    return int(found.get("200", 0))


def ask_all(processes: list[RevioGateway], threads: int = 12) -> None:
    with ThreadPoolExecutor(threads) as pool:
        asked = [
            pool.submit(processes[n % len(processes)].query, READ, call(Purpose.QUERY))
            for n in range(threads)
        ]
        for pending in asked:
            assert len(pending.result()) == 1


def test_all_threads_of_all_processes_share_one_login_and_one_renewal(
    box: RunningSandbox, processes: list[RevioGateway]
) -> None:
    ask_all(processes)
    assert logins(box) == 1

    box.expire_sessions()
    ask_all(processes)
    assert logins(box) == 2


def test_the_wsdl_is_loaded_once_a_process_and_counts_as_a_call(box: RunningSandbox) -> None:
    permits = RecordingPermits()
    with gateway(box, permits) as opened:
        ask_all([opened], threads=16)

        assert box.calls()["other"] == {"WSDL": 1}
        assert permits.purposes.count(Purpose.SESSION) == 2


def test_a_login_that_one_process_saw_refused_is_tried_by_no_other(
    box: RunningSandbox, redis_url: str
) -> None:
    for key in (KEY, KEY, None):
        with (
            Redis.from_url(redis_url) as client,
            gateway(
                box, store=RedisSessionStore(client, key), password=SecretStr("wrong")
            ) as opened,
            pytest.raises(Unauthorised),
        ):
            opened.query(READ, call(Purpose.QUERY))

    assert logins(box) == 1


def test_a_login_that_fails_for_an_unknown_reason_makes_the_account_rest(
    box: RunningSandbox,
) -> None:
    box.fault("success-false-bare", operation="Sessions_Create")
    permits = RecordingPermits()

    with gateway(box, permits) as opened, pytest.raises(Unavailable, match="was rejected"):
        opened.query(READ, call(Purpose.QUERY))

    [(account, seconds, reason)] = permits.pauses
    assert (account, seconds) == ("default", 900.0)
    assert "login failed" in reason


def test_without_sessions_in_the_wsdl_every_call_carries_the_credentials(
    box: RunningSandbox, tmp_path: Path
) -> None:
    with build_opener(ProxyHandler({})).open(box.wsdl) as answer:
        document = answer.read()
    path = tmp_path / "service.wsdl"
    path.write_bytes(document.replace(b'name="SessionKey"', b'name="Key"'))

    with gateway(box, wsdl=str(path)) as opened:
        opened.update(Change(5001, {"rate": Decimal(3)}), call(Purpose.UPDATE), nothing)
        assert opened.query(READ, call(Purpose.QUERY))[0]["rate"] == "3.0000"
        assert opened.describe().login == "credentials"
        opened.check_login()
    with (
        gateway(box, wsdl=str(path), password=SecretStr("wrong")) as opened,
        pytest.raises(Unauthorised),
    ):
        opened.check_login()

    assert logins(box) == 0


def test_a_login_waits_for_a_permit_like_any_call(box: RunningSandbox) -> None:
    class NoPermits(RecordingPermits):
        def acquire(self, call: Call) -> Permit:
            raise Throttled(30.0, "minute")

    with gateway(box, NoPermits()) as opened, pytest.raises(Throttled):
        opened.query(READ, call(Purpose.QUERY))

    assert box.calls()["received"] == 0


def test_a_check_of_the_login_validates_the_session_there_is(box: RunningSandbox) -> None:
    with gateway(box) as opened:
        opened.check_login()
        box.expire_sessions()
        opened.check_login()

    by_operation = box.calls()["by_operation"]
    assert by_operation["Sessions_Validate"] == {"200": 3}
    assert logins(box) == 2


def test_a_shared_session_proves_nothing_of_another_login(
    box: RunningSandbox, redis_url: str
) -> None:
    with Redis.from_url(redis_url) as client:
        store = partial(RedisSessionStore, client, KEY)
        with (
            gateway(box, store=store()) as worker,
            gateway(box, store=store()) as alike,
            gateway(box, store=store(), password=SecretStr("mistyped")) as other,
        ):
            worker.query(READ, call(Purpose.QUERY))
            assert alike.check_login()
            assert not other.check_login()
            assert logins(box) == 1
            with pytest.raises(Unauthorised):
                other.check_login(again=True)
