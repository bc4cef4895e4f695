"""The sandbox as its users have it: a process of its own, over real HTTP."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import zeep
from zeep.transports import Transport

from sandbox import Account, RunningSandbox, running
from tests.patience import PATIENCE_S, wait_until

ACCOUNT = Account()
LOGIN = {
    "Username": ACCOUNT.username,
    "Password": ACCOUNT.password,
    "Client": ACCOUNT.client_code,
}
NAMESPACE = "http://api.myh2o.com/v20"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningSandbox]:
    with running(customers=40, calls_per_minute=0, operations=10) as box:
        yield box


@pytest.fixture
def box(shared: RunningSandbox) -> RunningSandbox:
    shared.reset()
    return shared


@contextmanager
def connected(box: RunningSandbox) -> Iterator[http.client.HTTPConnection]:
    found = urlsplit(box.endpoint)
    connection = http.client.HTTPConnection(found.hostname or "", found.port, timeout=PATIENCE_S)
    with closing(connection):
        yield connection


def send(connection: http.client.HTTPConnection, product_id: int = 5001) -> None:
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<CustomerProducts_Update xmlns="{NAMESPACE}"><Request><Credentials>'
        f"<Username>{ACCOUNT.username}</Username><Password>{ACCOUNT.password}</Password>"
        f"<Client>{ACCOUNT.client_code}</Client></Credentials>"
        f"<ID>{product_id}</ID><Rate>12.50</Rate></Request></CustomerProducts_Update>"
        "</s:Body></s:Envelope>"
    )
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{NAMESPACE}/CustomerProducts_Update"',
        "Ocp-Apim-Subscription-Key": ACCOUNT.subscription_key,
    }
    connection.request("POST", "/v20/default.asmx", body, headers)


def status_of(connection: http.client.HTTPConnection, product_id: int = 5001) -> int:
    send(connection, product_id)
    response = connection.getresponse()
    response.read()
    return response.status


def test_a_soap_client_goes_through_login_query_update_and_logout(box: RunningSandbox) -> None:
    with requests.Session() as http_session:
        http_session.headers["Ocp-Apim-Subscription-Key"] = ACCOUNT.subscription_key
        service = zeep.Client(box.wsdl, transport=Transport(session=http_session)).service
        key = service.Sessions_Create({"Credentials": LOGIN}).SessionKey
        session = {"Session": {"SessionKey": key}}
        service.CustomerProducts_Update({**session, "ID": 5001, "Rate": "12.5"})
        found = service.CustomerProducts_Query({**session, "ID": [5001]})
        assert str(found.CustomerProducts.CustomerProduct[0].Rate) == "12.5000"
        assert service.Sessions_Destroy(session).Header.Success
        assert service.Sessions_Validate(session).Header.Error_Code == "S2006"
    assert box.products([5001])[5001]["Rate"] == "12.5000"
    assert [update["fields"] for update in box.updates()[5001]] == [{"Rate": "12.5000"}]
    assert box.calls()["executed_by_operation"] == {
        "Sessions_Create": 1,
        "CustomerProducts_Update": 1,
        "CustomerProducts_Query": 1,
        "Sessions_Destroy": 1,
    }


def test_one_connection_serves_many_calls(box: RunningSandbox) -> None:
    with connected(box) as connection:
        assert status_of(connection) == 200
        first = connection.sock
        assert [status_of(connection) for _ in range(20)] == [200] * 20
        assert connection.sock is first
    assert box.calls()["connections"] == 1


def test_calls_in_flight_do_not_wait_for_each_other() -> None:
    with running(customers=4, latency=1.0) as box, ThreadPoolExecutor(40) as pool:

        def one_call(_: int) -> int:
            with connected(box) as connection:
                return status_of(connection)

        started = time.monotonic()
        assert set(pool.map(one_call, range(40))) == {200}
        # One after the other they would take 40 s.
        assert 1 <= time.monotonic() - started < 30


def test_the_minute_is_limited(box: RunningSandbox) -> None:
    box.limits(calls_per_minute=3)
    with connected(box) as connection:
        assert [status_of(connection) for _ in range(4)] == [200, 200, 200, 429]
    assert box.limits()["minute_used"] == 3


def test_a_missing_subscription_key_is_unauthorised(box: RunningSandbox) -> None:
    with connected(box) as connection:
        connection.request("POST", "/v20/default.asmx", b"")
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"][:16]) == (401, "application/json")


@pytest.mark.parametrize(
    ("fault", "executed"), [("reset-before", 0), ("reset-after", 1), ("refuse", 0)]
)
def test_a_reset_is_one(box: RunningSandbox, fault: str, executed: int) -> None:
    box.fault(fault)
    with connected(box) as connection:
        # A refusal may be met while the request is still being sent.
        with pytest.raises(ConnectionError) as met:
            status_of(connection)
        assert met.type is not http.client.RemoteDisconnected
        assert len(box.updates().get(5001, [])) == executed
        connection.close()
        assert status_of(connection) == 200


@pytest.mark.parametrize(("fault", "executed"), [("silent-before", 0), ("silent-after", 1)])
def test_silence_lasts_as_long_as_one_listens(
    box: RunningSandbox, fault: str, executed: int
) -> None:
    box.fault(fault)
    with connected(box) as connection:
        connection.timeout = 0.3
        send(connection)
        with pytest.raises(TimeoutError):
            connection.getresponse()
    assert len(box.updates().get(5001, [])) == executed


def test_a_late_execution_comes_after_the_caller_has_gone(box: RunningSandbox) -> None:
    box.fault("silent-late", seconds=1.5)
    began = time.monotonic()
    with connected(box) as connection:
        send(connection)
    wait_until(box.updates)
    assert time.monotonic() - began >= 1.5
    assert len(box.updates()[5001]) == 1


def test_a_short_body_ends_before_its_length(box: RunningSandbox) -> None:
    box.fault("short-body")
    with connected(box) as connection:
        send(connection)
        response = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead):
            response.read()
    assert len(box.updates()[5001]) == 1


def test_a_dripping_answer_keeps_every_single_read_short(box: RunningSandbox) -> None:
    box.fault("drip", seconds=0.05)
    with connected(box) as connection:
        started = time.monotonic()
        send(connection)
        response = connection.getresponse()
        assert len([response.read(1) for _ in range(10)]) == 10
        assert time.monotonic() - started > 0.3


def test_an_endless_answer_ends_when_one_hangs_up(box: RunningSandbox) -> None:
    box.fault("endless-body")
    with connected(box) as connection:
        send(connection)
        assert len(connection.getresponse().read(2**21)) == 2**21
    with connected(box) as connection:
        assert status_of(connection) == 200


def test_a_redirect_that_is_followed_is_seen(box: RunningSandbox) -> None:
    box.fault("redirect-302")
    with connected(box) as connection:
        assert status_of(connection) == 302
        connection.request("GET", "/elsewhere/default.asmx")
        assert connection.getresponse().status == 200
    assert box.calls()["other"] == {"GET /elsewhere/default.asmx": 1}


def test_an_outage_refuses_connections_and_ends() -> None:
    with running(customers=4) as box:

        def an_outage_was_met() -> bool:
            box.outage(1.0)
            met = False
            while box_refuses(box):
                met = True
                time.sleep(0.05)
            return met

        wait_until(an_outage_was_met)
        with connected(box) as connection:
            assert status_of(connection) == 200


def test_what_is_not_http_gets_a_400_and_a_closed_connection(box: RunningSandbox) -> None:
    found = urlsplit(box.endpoint)
    with socket.create_connection((found.hostname, found.port), timeout=PATIENCE_S) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        received = b""
        while some := raw.recv(4096):
            received += some
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.endswith(b"This is not HTTP/1.1.")


def test_a_client_that_vanishes_in_mid_request_harms_nobody(box: RunningSandbox) -> None:
    found = urlsplit(box.endpoint)
    with socket.create_connection((found.hostname, found.port), timeout=PATIENCE_S) as raw:
        raw.sendall(b"POST /v20/default.asmx HTTP/1.1\r\nContent-Length: 9\r\n\r\nab")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with connected(box) as connection:
        assert status_of(connection) == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_even_with_calls_in_flight(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "sandbox", "--customers=4", "--latency=3600"]
    with (
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process,
        connected(RunningSandbox(process.stdout.readline().split()[-1])) as connection,
    ):
        send(connection)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0


def test_it_does_not_outlive_the_process_that_started_it() -> None:
    starter = (
        "import os, sandbox\n"
        "with sandbox.running(customers=4) as box:\n"
        "    print(box.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", starter], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert gone_within(PATIENCE_S, int(done.stdout))


def test_a_sandbox_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="did not start"), running(records="nonsense"):
        pass
    assert "--records" in capfd.readouterr().err


def box_refuses(box: RunningSandbox) -> bool:
    try:
        with connected(box) as connection:
            connection.connect()
    except ConnectionRefusedError:
        return True
    return False


def gone_within(seconds: float, pid: int) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False
