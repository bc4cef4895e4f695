from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from revio_jobs.contracts import Lane
from revio_jobs.errors import Unauthorised, Unavailable
from tasks.ports import Call, Purpose
from tests.patience import PATIENCE_S
from tests.unit.soap.wsdls import PASSWORD, config
from worker.soap import MemorySessionStore, Session
from worker.soap.session.sessions import LoginRefusedError, Sessions

CALL = Call("default", Lane.BULK, Purpose.UPDATE)


class Vendor:
    """Gives out sessions, or refuses."""

    def __init__(self) -> None:
        self.logins = 0
        self.accepts = True
        self.meanwhile: Callable[[], None] = lambda: None

    def create(self, _: Call) -> SecretStr:
        self.logins += 1
        self.meanwhile()
        if not self.accepts:
            raise LoginRefusedError("no")
        return SecretStr(f"key-{self.logins}")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemorySessionStore:
    return MemorySessionStore()


@pytest.fixture
def process(vendor: Vendor, clock: Clock, store: MemorySessionStore) -> Callable[..., Sessions]:
    def start(**changes: object) -> Sessions:
        return Sessions(config(**changes), store, vendor.create, clock)

    return start


def key(session: Session) -> str:
    return session.key.get_secret_value()


def test_one_session_serves_all_calls_of_all_processes(
    process: Callable[..., Sessions], vendor: Vendor
) -> None:
    first, second = process(), process()

    assert {key(job.current(CALL)) for job in (first, first, second)} == {"key-1"}
    assert vendor.logins == 1


def test_many_threads_make_one_login(process: Callable[..., Sessions], vendor: Vendor) -> None:
    sessions = process()
    waiting = threading.Barrier(16, timeout=PATIENCE_S)

    def ask(_: int) -> str:
        waiting.wait()
        return key(sessions.current(CALL))

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(ask, range(16))) == {"key-1"}
    assert vendor.logins == 1


def test_one_renewal_serves_all_who_were_refused(
    process: Callable[..., Sessions], vendor: Vendor
) -> None:
    first, second = process(), process()
    stale = first.current(CALL)
    assert second.current(CALL).id == stale.id

    assert {key(job.renew(stale, CALL)) for job in (first, second, first)} == {"key-2"}
    assert vendor.logins == 2


def test_an_old_session_is_renewed_unasked(
    process: Callable[..., Sessions], vendor: Vendor, clock: Clock
) -> None:
    sessions = process(session_lifetime_s=100)
    sessions.current(CALL)
    clock.now += 99
    assert key(sessions.current(CALL)) == "key-1"
    clock.now += 1

    assert key(sessions.current(CALL)) == "key-2"
    assert vendor.logins == 2


def test_a_refused_login_is_not_tried_again_by_anybody(
    process: Callable[..., Sessions], vendor: Vendor
) -> None:
    vendor.accepts = False
    for _ in range(3):
        with pytest.raises(Unauthorised):
            process().current(CALL)

    assert vendor.logins == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"password": SecretStr("another")},
        {"username": "another"},
        {"client_code": "another"},
        {"endpoint": "https://another.example/"},
    ],
)
def test_it_is_tried_again_when_the_settings_have_changed(
    changed: dict[str, object], process: Callable[..., Sessions], vendor: Vendor
) -> None:
    vendor.accepts = False
    with pytest.raises(Unauthorised):
        process().current(CALL)
    vendor.accepts = True

    assert key(process(**changed).current(CALL)) == "key-2"
    with pytest.raises(Unauthorised, match="change the settings"):
        process().renew(process(**changed).current(CALL), CALL)


def test_it_is_tried_again_when_somebody_says_so(
    process: Callable[..., Sessions], vendor: Vendor
) -> None:
    vendor.accepts = False
    with pytest.raises(Unauthorised):
        process().current(CALL)
    vendor.accepts = True

    process().forgive()

    assert key(process().current(CALL)) == "key-2"


def test_what_is_remembered_of_refused_credentials_does_not_show_them(
    process: Callable[..., Sessions], store: MemorySessionStore
) -> None:
    process().remember_refused()
    first = store.refused_login("default")
    process().remember_refused()

    assert first is not None
    assert PASSWORD not in first
    assert store.refused_login("default") != first


def test_a_key_that_the_vendor_changes_is_used_from_then_on(
    process: Callable[..., Sessions],
) -> None:
    sessions, other = process(), process()
    used = sessions.current(CALL)

    sessions.rotate(used, "key-9")
    sessions.rotate(used, "key-8")

    assert key(sessions.current(CALL)) == "key-9"
    assert key(other.current(CALL)) == "key-9"


def test_an_executed_call_does_not_fail_because_its_new_key_cannot_be_shared(
    process: Callable[..., Sessions], store: MemorySessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = process()
    used = sessions.current(CALL)

    def down(*_: object) -> None:
        raise Unavailable("Redis is down")

    monkeypatch.setattr(store, "save", down)
    with capture_logs() as logs:
        sessions.rotate(used, "key-9")

    assert key(sessions.current(CALL)) == "key-9"
    assert [entry["event"] for entry in logs] == ["session_not_shared"]


def test_only_the_last_to_leave_has_a_session_to_end(process: Callable[..., Sessions]) -> None:
    first, second = process(), process()
    first.current(CALL)
    session = second.current(CALL)

    assert first.leave() is None
    assert second.leave() == session
    assert second.leave() is None
