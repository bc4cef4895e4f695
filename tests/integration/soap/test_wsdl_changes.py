"""The vendor releases a new WSDL while workers run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from revio_jobs.errors import Throttled, Unauthorised, Unavailable, UnsupportedChange
from sandbox import RunningSandbox, running
from tasks.ports import Change, Filters, Purpose
from tests.integration.soap.accounts import RecordingPermits, call, config, gateway, nothing
from tests.integration.soap.servers import answering, serving
from worker.soap import MemorySessionStore, MemoryWsdlStates, RevioGateway, open_gateway

WRITE = Change(5001, {"rate": Decimal("7.7700")})
READ = Filters(ids=(5001,))


@pytest.fixture(scope="module")
def running_box() -> Iterator[RunningSandbox]:
    with running(customers=4, calls_per_minute=0) as box:
        yield box


class Workers:
    """Gateways of one account in as many processes, which share what they know of the WSDL."""

    def __init__(self, box: RunningSandbox, stack: ExitStack, **changes: Any) -> None:
        self.permits = RecordingPermits()
        self.reasons: list[str] = []
        self._box = box
        self._stack = stack
        self._changes = {"wsdl_check_s": 1e-6, **changes}
        self._states = MemoryWsdlStates()
        self._sessions = MemorySessionStore()

    def start(self) -> RevioGateway:
        opened = open_gateway(
            config(self._box.endpoint, **self._changes),
            self.permits,
            self._sessions,
            states=self._states,
            on_wsdl_worse=self.reasons.append,
        )
        self._stack.callback(opened.close)
        opened.check_login()
        opened.check_schema(0)
        return opened


@pytest.fixture
def workers(box: RunningSandbox) -> Iterator[Workers]:
    with ExitStack() as stack:
        yield Workers(box, stack)


def test_a_change_for_the_worse_stops_the_next_update_before_it_is_sent(
    workers: Workers, box: RunningSandbox
) -> None:
    old = workers.start()
    before = box.products([5001])[5001]
    box.release("optional,Quantity=required,ActivatedDate=required")

    with pytest.raises(Throttled):
        old.update(WRITE, call(Purpose.UPDATE), nothing)

    assert box.updates([5001]) == {}
    assert box.products([5001])[5001] == before
    [reason] = workers.reasons
    assert "update Quantity was optional int, and is required int" in reason
    assert "ActivatedDate" in reason


def test_every_process_stops_and_the_reason_is_told_once(
    workers: Workers, box: RunningSandbox
) -> None:
    first, second = workers.start(), workers.start()
    box.release("optional,Quantity=required")

    for opened in (first, second):
        with pytest.raises(Throttled):
            opened.update(WRITE, call(Purpose.UPDATE), nothing)

    assert len(workers.reasons) == 1
    # Somebody has looked at it, and the lanes go on: what cannot be said is refused job by job.
    for opened in (first, second):
        with pytest.raises(UnsupportedChange, match="Quantity"):
            opened.update(WRITE, call(Purpose.UPDATE), nothing)
    whole = Change(5001, {"rate": Decimal("7.7700"), "quantity": 2})
    second.update(whole, call(Purpose.UPDATE), nothing)
    assert box.products([5001])[5001]["Quantity"] == "2"


def test_a_worker_that_starts_after_the_release_stops_the_others_updates_too(
    workers: Workers, box: RunningSandbox
) -> None:
    workers.start()
    box.release("optional,Quantity=required")
    with pytest.raises(Throttled):
        workers.start()
    assert len(workers.reasons) == 1


def test_a_harmless_change_is_adopted_and_told(workers: Workers, box: RunningSandbox) -> None:
    opened = workers.start()
    emptied = Change(5001, {}, frozenset({"code1"}))
    with pytest.raises(UnsupportedChange):
        opened.update(emptied, call(Purpose.UPDATE), nothing)
    box.release("nillable")

    with capture_logs() as logs:
        opened.update(emptied, call(Purpose.UPDATE), nothing)

    assert box.products([5001])[5001]["Code1"] is None
    [changed] = [log["changed"] for log in logs if log["event"] == "wsdl_changed"]
    assert "update Code1: optional string → nillable string clearable" in changed
    assert not workers.reasons


def test_an_unchanged_wsdl_costs_one_conditional_call_for_all_processes(
    box: RunningSandbox,
) -> None:
    with ExitStack() as stack:
        workers = Workers(box, stack, wsdl_check_s=1000.0)
        opened = [workers.start() for _ in range(4)]
        asked = len(workers.permits.granted)
        read = box.calls()["other"]
        for entry in opened * 5:
            entry.update(WRITE, call(Purpose.UPDATE), nothing)
        assert len(workers.permits.granted) == asked + 20
        opened[0].check_schema(0)
        assert len(workers.permits.granted) == asked + 21
        after = box.calls()["other"]

    assert after["WSDL"] == read["WSDL"]
    assert after["WSDL not modified"] == read.get("WSDL not modified", 0) + 1


def test_a_vendor_that_does_not_serve_its_wsdl_just_now_stops_nothing(
    workers: Workers, box: RunningSandbox
) -> None:
    opened = workers.start()
    workers.permits.acquire_errors["session"] = Throttled(1.0, "minute")
    with capture_logs() as logs:
        opened.update(WRITE, call(Purpose.UPDATE), nothing)
    assert "wsdl_not_checked" in [log["event"] for log in logs]
    assert not workers.reasons


def test_queries_go_on(workers: Workers, box: RunningSandbox) -> None:
    opened = workers.start()
    box.release("optional,Quantity=required")
    with pytest.raises(Throttled):
        opened.update(WRITE, call(Purpose.UPDATE), nothing)
    assert opened.query(READ, call(Purpose.QUERY))


def test_a_gateway_alone_needs_no_shared_state(box: RunningSandbox) -> None:
    with gateway(box) as opened:
        opened.update(WRITE, call(Purpose.UPDATE), nothing)
    assert len(box.updates([5001])[5001]) == 1


def test_the_first_update_after_a_change_is_read_back_and_then_the_others_go(
    workers: Workers, box: RunningSandbox
) -> None:
    opened = workers.start()
    box.release("wrapped")
    for _ in range(3):
        opened.update(WRITE, call(Purpose.UPDATE), nothing)

    assert workers.permits.purposes.count(Purpose.VERIFY) == 2
    assert len(box.updates([5001])[5001]) == 3
    assert not workers.reasons


def test_others_wait_while_the_first_update_is_read_back(
    workers: Workers, box: RunningSandbox
) -> None:
    first, second = workers.start(), workers.start()
    box.release("wrapped")
    met: list[type[Exception]] = []

    def meanwhile() -> None:
        try:
            second.update(WRITE, call(Purpose.UPDATE), nothing)
        except Throttled as exc:
            met.append(type(exc))

    first.update(WRITE, call(Purpose.UPDATE), meanwhile)

    assert met == [Throttled]
    assert len(box.updates([5001])[5001]) == 1
    second.update(WRITE, call(Purpose.UPDATE), nothing)


def test_a_first_update_that_changes_more_than_it_should_stops_the_others(
    workers: Workers, box: RunningSandbox
) -> None:
    opened = workers.start()
    box.release("wrapped")

    opened.update(WRITE, call(Purpose.UPDATE), lambda: box.edit(5001, Quantity="0"))

    [reason] = workers.reasons
    assert "customer product 5001" in reason
    assert "quantity is 0 and was" in reason
    assert len(box.updates([5001])[5001]) == 1


def test_a_first_update_that_cannot_be_read_back_leaves_it_to_the_next(
    workers: Workers, box: RunningSandbox
) -> None:
    opened = workers.start()
    box.release("wrapped")
    opened.update(
        WRITE,
        call(Purpose.UPDATE),
        lambda: box.fault("http-500-before", operation="CustomerProducts_Query"),
    )
    opened.update(WRITE, call(Purpose.UPDATE), nothing)
    opened.update(WRITE, call(Purpose.UPDATE), nothing)

    assert workers.permits.purposes.count(Purpose.VERIFY) == 4
    assert not workers.reasons


def test_a_first_update_that_was_made_is_not_called_unsent_when_redis_goes(
    workers: Workers, box: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the WSDL's state cannot be asked")

    def goes() -> None:
        for name in ("save", "release"):
            monkeypatch.setattr(MemoryWsdlStates, name, away)

    opened = workers.start()
    box.release("wrapped")
    opened.update(WRITE, call(Purpose.UPDATE), goes)
    assert len(box.updates([5001])[5001]) == 1


def test_a_first_update_of_an_unreadable_product_is_made_and_proves_nothing(
    workers: Workers, box: RunningSandbox
) -> None:
    opened = workers.start()
    box.release("wrapped")
    box.spoil(5001, Quantity="1,5")
    opened.update(WRITE, call(Purpose.UPDATE), nothing)
    opened.update(WRITE, call(Purpose.UPDATE), nothing)

    assert len(box.updates([5001])[5001]) == 2
    assert workers.permits.purposes.count(Purpose.VERIFY) == 4
    assert not workers.reasons


def test_another_hosts_outage_does_not_pause_the_account(box: RunningSandbox) -> None:
    permits = RecordingPermits()
    answer = b"HTTP/1.1 503 No\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"
    with (
        serving(answering(answer)) as server,
        gateway(box, permits, wsdl=server.url) as opened,
        pytest.raises(Unavailable),
    ):
        opened.query(READ, call(Purpose.QUERY))
    assert not permits.pauses


def test_a_wsdl_that_is_refused_closes_the_account_for_updates_too(box: RunningSandbox) -> None:
    permits = RecordingPermits()
    with (
        serving(answering(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")) as server,
        gateway(box, permits, wsdl=server.url) as opened,
        pytest.raises(Unauthorised),
    ):
        opened.update(WRITE, call(Purpose.UPDATE), nothing)
    assert permits.closures
    assert not permits.purposes.count(Purpose.UPDATE)
