"""Every fault of the sandbox's catalogue, for a query and for an update."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from revio_jobs.errors import (
    OutcomeUnknown,
    QuotaExhausted,
    Rejected,
    RevioError,
    Throttled,
    Unauthorised,
    Unavailable,
)
from sandbox import RunningSandbox, running
from sandbox.faults.catalogue import FAULTS, When
from tasks.ports import Change, Filters, PartlyReadable, Purpose, SpoiltAnswer
from tests.integration.soap.accounts import (
    RecordingPermits,
    call,
    config,
    gateway,
    log_in,
    nothing,
)
from tests.patience import PATIENCE_S
from worker.soap import MemorySessionStore, open_gateway

FINE = None
READ = Filters(ids=(5001, 5002))
WRITE = Change(5001, {"rate": Decimal("7.7700")})


class Expected(NamedTuple):
    query: type[Exception] | None
    update: type[RevioError] | None
    pause: bool = False
    closes: bool = False
    seconds: float | None = None
    """The fault's own parameter."""


UNKNOWN = Expected(Unavailable, OutcomeUnknown)
SPOILT_RECORD = Expected(PartlyReadable, FINE)
ENDLESS = {"silent-before", "silent-after", "silent-late", "drip"}
REFUSED = Expected(Unauthorised, Unauthorised, closes=True)
EXPECTED = {
    "refuse": UNKNOWN,
    **{
        f"{name}-{when}": UNKNOWN
        for when in ("before", "after")
        for name in (
            "reset",
            "silent",
            "html-200",
            "html-502",
            "http-500",
            "soap-fault",
            "empty-body",
            "empty-soap-body",
            "accepted-202",
        )
    },
    **{
        f"{name}-{when}": Expected(Throttled, OutcomeUnknown, pause=True)
        for when in ("before", "after")
        for name in ("http-503", "out-of-service-502", "out-of-service-504-date")
    },
    "deadlock": UNKNOWN,
    "silent-late": UNKNOWN,
    "throttled-429": Expected(Throttled, Throttled, pause=True),
    "throttled-429-bare": Expected(Throttled, Throttled, pause=True),
    "quota-403": Expected(QuotaExhausted, QuotaExhausted, pause=True),
    "quota-403-bare": Expected(QuotaExhausted, QuotaExhausted, pause=True),
    "forbidden-403": REFUSED,
    "unauthorised-401": REFUSED,
    "redirect-302": REFUSED,
    "redirect-307": REFUSED,
    "not-found-404": REFUSED,
    "success-false": Expected(Rejected, Rejected),
    "success-false-bare": Expected(Rejected, Rejected),
    "debug-echo": Expected(Rejected, Rejected),
    "expired-session": Expected(FINE, FINE),
    "drip": UNKNOWN,
    "short-body": UNKNOWN,
    "endless-body": UNKNOWN,
    "other-operation": UNKNOWN,
    "truncated-xml": UNKNOWN,
    "truncated-end": UNKNOWN,
    "doctype": UNKNOWN,
    "entities": UNKNOWN,
    "huge-body": UNKNOWN,
    "missing-field": Expected(SpoiltAnswer, OutcomeUnknown),
    "broken-text": Expected(SpoiltAnswer, OutcomeUnknown),
    "bad-boolean": UNKNOWN,
    "unknown-elements": Expected(FINE, FINE),
    **dict.fromkeys(
        (
            "gzip",
            "gzip-unnamed",
            "gzip-misnamed",
            "deflate",
            "mtom",
            "interim",
            "nil-item",
            "utf-16-label",
            "preceded",
        ),
        Expected(FINE, FINE),
    ),
    "brotli": UNKNOWN,
    "reordered": Expected(FINE, FINE),
    "bad-int": SPOILT_RECORD,
    "bad-date": SPOILT_RECORD,
    "bad-decimal": SPOILT_RECORD,
}


def test_every_fault_of_the_catalogue_has_its_expectation(box: RunningSandbox) -> None:
    assert set(box.faults()) == set(EXPECTED)


@pytest.mark.parametrize("fault", EXPECTED)
def test_each_fault_becomes_the_one_right_error(fault: str, box: RunningSandbox) -> None:
    expected = EXPECTED[fault]
    permits = RecordingPermits()
    timeout_s = 0.7 if fault in ENDLESS else PATIENCE_S
    with gateway(box, permits, call_timeout_s=timeout_s, max_answer_bytes=2**20) as opened:
        log_in(opened)
        permits.refunded.clear()
        for purpose, error in ((Purpose.QUERY, expected.query), (Purpose.UPDATE, expected.update)):
            box.clear_faults()
            box.fault(fault, operation=f"CustomerProducts_{purpose.value.capitalize()}")
            found: Exception | None = None
            try:
                if purpose is Purpose.QUERY:
                    opened.query(READ, call(purpose))
                else:
                    opened.update(WRITE, call(purpose), nothing)
            except (RevioError, PartlyReadable, SpoiltAnswer) as exc:
                found = exc
            assert (type(found) if found else None) is error, found
        box.clear_faults()

    assert len(permits.pauses) == (2 if expected.pause else 0)
    assert len(permits.closures) == (2 if expected.closes else 0)
    assert not permits.refunded
    if expected == Expected(FINE, FINE):
        assert permits.arrived == permits.granted
    elif fault in {"silent-before", "silent-after", "reset-before", "reset-after"}:
        assert len(permits.arrived) < len(permits.granted)
    assert_truthful(box, fault, expected.update)


def assert_truthful(box: RunningSandbox, fault: str, error: type[RevioError] | None) -> None:
    """What we say of the update agrees with what the vendor did."""
    executions = len(box.updates([5001]).get(5001, []))
    if error is FINE:
        assert executions == 1
    elif error is not OutcomeUnknown:
        assert executions == 0
    elif FAULTS[fault].when is When.FIRST:
        assert executions == 1


def test_an_expired_session_is_renewed_once_and_the_call_repeated(box: RunningSandbox) -> None:
    permits = RecordingPermits()
    sends: list[int] = []
    with gateway(box, permits) as opened:
        opened.query(READ, call(Purpose.QUERY))
        box.expire_sessions()
        opened.update(WRITE, call(Purpose.UPDATE), lambda: sends.append(1))

    assert permits.purposes[-4:] == [
        Purpose.UPDATE,
        Purpose.SESSION,
        Purpose.UPDATE,
        Purpose.SESSION,
    ]
    assert sends == [1, 1]
    assert permits.arrived == permits.granted
    assert len(box.updates([5001])[5001]) == 1


def test_a_vendor_that_knows_no_session_at_all_is_asked_twice_only(box: RunningSandbox) -> None:
    permits = RecordingPermits()
    with gateway(box, permits) as opened:
        opened.check_login()
        box.fault("expired-session", rate=1.0, operation="CustomerProducts_Update")
        with pytest.raises(Unavailable, match="new session"):
            opened.update(WRITE, call(Purpose.UPDATE), nothing)
        box.clear_faults()

    assert permits.purposes.count(Purpose.UPDATE) == 2
    assert not box.updates([5001])


def test_what_runs_before_the_send_can_stop_it(box: RunningSandbox) -> None:
    permits = RecordingPermits()

    def lost() -> None:
        raise KeyError("the lease is lost")

    with gateway(box, permits) as opened:
        opened.check_login()
        with pytest.raises(KeyError, match="lease"):
            opened.update(WRITE, call(Purpose.UPDATE), lost)

    assert not box.updates([5001])
    assert [permit.call.purpose for permit in permits.refunded] == [Purpose.UPDATE]


@pytest.mark.parametrize("fault", ["out-of-service-502-before", "out-of-service-504-date-before"])
def test_a_server_error_that_says_for_how_long_pauses_the_account_and_is_not_a_fault(
    fault: str, box: RunningSandbox
) -> None:
    permits = RecordingPermits()
    with gateway(box, permits) as opened:
        opened.check_login()
        box.fault(fault, operation="CustomerProducts_Query", seconds=60)
        with pytest.raises(Throttled) as raised:
            opened.query(READ, call(Purpose.QUERY))

    assert raised.value.retry_after == 60
    assert [(seconds, spent) for _, seconds, _, spent in permits.pauses_in_full] == [(60, False)]
    assert all(permits.health)


def test_an_update_that_may_have_been_executed_is_not_called_unsent_when_redis_goes(
    box: RunningSandbox,
) -> None:
    class AwayPermits(RecordingPermits):
        def pause(self, *_: object, **__: object) -> None:
            raise Unavailable("the limiter cannot be asked")

    with gateway(box, AwayPermits()) as opened:
        opened.check_login()
        box.fault("out-of-service-502-after", operation="CustomerProducts_Update", seconds=60)
        with pytest.raises(OutcomeUnknown):
            opened.update(WRITE, call(Purpose.UPDATE), nothing)

    assert len(box.updates([5001])[5001]) == 1


def test_a_refusal_that_is_not_a_verdict_on_the_data_counts_as_a_fault_of_the_vendor(
    box: RunningSandbox,
) -> None:
    permits = RecordingPermits()
    with gateway(box, permits) as opened:
        opened.check_login()
        box.fault("deadlock", next=2)
        with pytest.raises(Unavailable, match="deadlocked"):
            opened.query(READ, call(Purpose.QUERY))
        with pytest.raises(OutcomeUnknown, match="deadlocked"):
            opened.update(WRITE, call(Purpose.UPDATE), nothing)
        assert permits.health[-2:] == [False, False]
        opened.update(WRITE, call(Purpose.UPDATE), nothing)


def test_a_login_whose_answer_is_spoilt_says_nothing_of_the_products(box: RunningSandbox) -> None:
    with gateway(box) as opened:
        box.fault("broken-text", operation="Sessions_Create", next=2)
        with pytest.raises(Unavailable, match="broken XML"):
            opened.query(READ, call(Purpose.QUERY))
        with pytest.raises(Unavailable, match="broken XML"):
            opened.update(WRITE, call(Purpose.UPDATE), nothing)
        assert opened.query(READ, call(Purpose.QUERY))
    assert not box.updates([5001])


def test_a_login_that_met_a_deadlock_is_not_a_refused_one(box: RunningSandbox) -> None:
    permits = RecordingPermits()
    with gateway(box, permits) as opened:
        box.fault("deadlock", operation="Sessions_Create")
        with pytest.raises(Unavailable, match="deadlocked"):
            opened.query(READ, call(Purpose.QUERY))
        assert not permits.pauses
        assert opened.query(READ, call(Purpose.QUERY))


def test_a_vendor_that_is_gone_costs_no_permit_and_leaves_no_doubt() -> None:
    permits = RecordingPermits()
    with running(customers=4) as own:
        opened = open_gateway(config(own.endpoint), permits, MemorySessionStore())
        opened.check_login()

    with pytest.raises(Unavailable, match="nothing was sent"):
        opened.update(WRITE, call(Purpose.UPDATE), nothing)
    opened.close()

    assert [permit.call.purpose for permit in permits.refunded] == [
        Purpose.UPDATE,
        Purpose.SESSION,
    ]


def test_a_refused_login_is_tried_once_and_closes_the_account(box: RunningSandbox) -> None:
    permits = RecordingPermits()
    with gateway(box, permits, password=SecretStr("wrong")) as opened:
        for _ in range(3):
            with pytest.raises(Unauthorised):
                opened.query(READ, call(Purpose.QUERY))

    assert box.calls()["by_operation"] == {"Sessions_Create": {"200": 1}}
    assert len(permits.closures) == 3
    assert "the vendor refused the login (S2005)" in permits.closures[0]
    assert permits.pauses == []


def test_a_login_refused_at_a_renewal_closes_the_account_too(box: RunningSandbox) -> None:
    permits = RecordingPermits()
    with gateway(box, permits) as opened:
        opened.check_login()
        box.fault("expired-session", operation="CustomerProducts_Query")
        box.fault("unauthorised-401", operation="Sessions_Create")
        with pytest.raises(Unauthorised):
            opened.query(READ, call(Purpose.QUERY))

    assert set(permits.closures) == {"the vendor's gateway refused the subscription key (401)"}


def test_the_session_is_ended_by_the_last_to_close(box: RunningSandbox) -> None:
    store = MemorySessionStore()
    with gateway(box, store=store) as first:
        first.check_login()
        with gateway(box, store=store) as second:
            second.query(READ, call(Purpose.QUERY))
        assert "Sessions_Destroy" not in box.calls()["by_operation"]

    assert box.calls()["by_operation"]["Sessions_Destroy"] == {"200": 1}
    assert box.calls()["by_operation"]["Sessions_Create"] == {"200": 1}


def test_products_that_were_not_asked_for_are_not_an_answer(box: RunningSandbox) -> None:
    with gateway(box) as opened:
        opened.check_login()
        box.edit(5001, Customer_ID="9999")
        assert opened.query(Filters(ids=(5001,)), call(Purpose.QUERY))
        with pytest.raises(Unavailable, match="not asked for"):
            opened.query(Filters(customer_ids=(1001,)), call(Purpose.QUERY))
