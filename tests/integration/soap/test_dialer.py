"""Hosts of which some addresses are dead."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from tests.integration.soap.accounts import config
from tests.integration.soap.servers import OK, answering, serving
from worker.soap.http.dialer import Address, Dialer, interleaved
from worker.soap.http.proxy import UnusableProxyError, environment_proxy
from worker.soap.http.transport import Transport
from worker.soap.http.wire import NotSentError

NAMES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy")


def at(port: int, family: int = socket.AF_INET) -> Address:
    return Address(family, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def living(stack: ExitStack) -> int:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def dead(stack: ExitStack) -> Callable[[], int]:
    """A port that answers nothing at all: its queue is full, so the system drops what comes."""

    def port() -> int:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.05)
        number: int = listener.getsockname()[1]
        return number

    return port


@pytest.fixture
def refusing() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


class Host:
    """What a resolver says of a name."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self.addresses = list(addresses)

    def __call__(self, name: str, port: int) -> Sequence[Address]:
        return self.addresses


def seconds(dialer: Dialer) -> tuple[float, int]:
    """How long a connection took, and to which port it went."""
    began = time.monotonic()
    with dialer.connect("vendor.example", 443, 20.0) as sock:
        port: int = sock.getpeername()[1]
        return time.monotonic() - began, port


def test_dead_addresses_cost_a_quarter_of_a_second_each_and_only_the_first_time(
    living: int, dead: Callable[[], int]
) -> None:
    dialer = Dialer(Host([at(dead()), at(dead()), at(living)]))

    first_s, port = seconds(dialer)
    assert port == living
    assert 0.45 < first_s < 60
    again = min(seconds(dialer)[0] for _ in range(3))
    assert again < 0.2


def test_an_address_that_refuses_costs_nothing(living: int, refusing: int) -> None:
    taken = [seconds(Dialer(Host([at(refusing)] * 3 + [at(living)]))) for _ in range(3)]
    assert min(taken)[0] < 0.2
    assert {port for _, port in taken} == {living}


def test_an_address_that_answers_late_may_still_win(living: int, dead: Callable[[], int]) -> None:
    """The others are tried beside it, not instead of it."""
    unknown_family = Address(9999, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))
    assert seconds(Dialer(Host([unknown_family, at(living), at(dead())])))[1] == living


def test_a_last_good_address_that_has_died_is_left_for_another(living: int, refusing: int) -> None:
    host = Host([at(living)])
    dialer = Dialer(host)
    seconds(dialer)
    host.addresses = [at(refusing), at(living)]
    assert seconds(dialer)[1] == living
    host.addresses = [at(refusing)]
    with pytest.raises(OSError, match="refused"):
        dialer.connect("vendor.example", 443, 5.0)


def test_dead_addresses_alone_end_in_time(dead: Callable[[], int]) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        Dialer(Host([at(dead()), at(dead())])).connect("vendor.example", 443, 0.6)
    assert 0.5 < time.monotonic() - began < 60


def test_families_take_turns_beginning_with_the_resolvers_first() -> None:
    six = [at(n, socket.AF_INET6) for n in (1, 2)]
    four = [at(n) for n in (3, 4, 5)]
    assert interleaved([*six, *four]) == [six[0], four[0], six[1], four[1], four[2]]


def test_a_transport_reaches_a_host_with_a_dead_address(dead: Callable[[], int]) -> None:
    with serving(answering(OK)) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        transport = Transport(
            config(server.url, connect_timeout_s=20.0), dialer=Dialer(Host([at(dead()), at(port)]))
        )
        assert transport.post(server.url, {}, b"x").status == 200
        transport.close()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (variable, value)
        for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        for value in ("http://proxy.example:3128", "proxy.example:3128")
    ],
)
def test_a_proxy_is_found_however_it_is_written(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    assert environment_proxy("vendor.example", 443) == "http://proxy.example:3128"
    for excluded in ("vendor.example", ".example", "vendor.example:443", "*"):
        monkeypatch.setenv("no_proxy", excluded)
        assert environment_proxy("vendor.example", 443) is None


def test_the_proxy_for_https_goes_before_the_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    assert environment_proxy("vendor.example", 443) is None
    monkeypatch.setenv("all_proxy", "other.example:1")
    monkeypatch.setenv("https_proxy", "proxy.example:2")
    assert environment_proxy("vendor.example", 443) == "http://proxy.example:2"


@pytest.mark.parametrize(
    "proxy", ["socks5://proxy.example:1080", "https://proxy.example", "http://"]
)
def test_a_proxy_that_we_cannot_speak_to_is_refused_in_words(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(UnusableProxyError):
        environment_proxy("vendor.example", 443)
    url = "https://vendor.example/"
    transport = Transport(config(url, use_environment_proxies=True))
    with pytest.raises(NotSentError, match=r"proxy|PROXY"):
        transport.post(url, {}, b"x")
