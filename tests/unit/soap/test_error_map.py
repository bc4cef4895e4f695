from __future__ import annotations

import html
from collections import Counter

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from revio_jobs.errors import (
    OutcomeUnknown,
    QuotaExhausted,
    Rejected,
    RevioError,
    Throttled,
    Unauthorised,
    Unavailable,
)
from tasks.ports import Purpose
from tests.unit.soap.wsdls import PASSWORD, SESSION_KEY, SUBSCRIPTION_KEY, config
from worker.soap.answer.reader import SoapAnswer, SoapFaultError
from worker.soap.answer.xml import UnreadableAnswerError
from worker.soap.error_map import ErrorMap, SessionExpiredError
from worker.soap.http.wire import (
    CertificateRefusedError,
    HttpResponse,
    MaybeExecutedError,
    NotSentError,
)

NOW = 1_800_000_000.0
DATE = "Fri, 15 Jan 2027 08:02:00 GMT"  # two minutes after NOW
QUOTA = b'{"message": "Out of call volume quota. Quota will be replenished in 01:02:03."}'
DEFINITE = [Purpose.QUERY, Purpose.VERIFY, Purpose.SESSION, Purpose.UPDATE]
READS = [Purpose.QUERY, Purpose.VERIFY, Purpose.SESSION]

faults = ErrorMap(config(session_expired_codes=frozenset({"E77"})), lambda: NOW)


def http(status: int, body: bytes = b"", **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, named, body)


def refusal(code: str | None, message: str) -> SoapAnswer:
    return SoapAnswer(False, code, message, None, [], Counter())  # noqa: FBT003


@pytest.mark.parametrize("purpose", DEFINITE)
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http(301), Unauthorised),
        (http(302), Unauthorised),
        (http(307), Unauthorised),
        (http(308), Unauthorised),
        (http(401), Unauthorised),
        (http(403), Unauthorised),
        (http(403, QUOTA), QuotaExhausted),
        (http(404), Unauthorised),
        (http(429), Throttled),
    ],
)
def test_what_was_certainly_not_executed_is_definite_for_everything(
    answer: HttpResponse, error: type[RevioError], purpose: Purpose
) -> None:
    assert type(faults.of_status(answer, purpose)) is error


@pytest.mark.parametrize("status", [201, 202, 204, 303, 400, 408, 500, 502, 503, 504, 999])
def test_a_status_after_which_the_call_may_have_run_is_unknown_for_an_update(status: int) -> None:
    assert type(faults.of_status(http(status), Purpose.UPDATE)) is OutcomeUnknown
    assert {type(faults.of_status(http(status), purpose)) for purpose in READS} == {Unavailable}


def test_200_decides_nothing() -> None:
    assert faults.of_status(http(200), Purpose.UPDATE) is None


@pytest.mark.parametrize(
    ("exc", "for_an_update"),
    [
        (NotSentError("x"), Unavailable),
        (MaybeExecutedError("x"), OutcomeUnknown),
        (UnreadableAnswerError("x"), OutcomeUnknown),
        (RecursionError("x"), OutcomeUnknown),
    ],
)
def test_only_what_provably_never_left_can_be_sent_again(
    exc: Exception, for_an_update: type[RevioError]
) -> None:
    assert type(faults.of_exception(exc, Purpose.UPDATE)) is for_an_update
    assert {type(faults.of_exception(exc, purpose)) for purpose in READS} == {Unavailable}


def test_what_nobody_thought_of_tells_no_more_than_its_class() -> None:
    assert PASSWORD not in str(faults.of_exception(ValueError(PASSWORD), Purpose.UPDATE))


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (http(429), 60),
        (http(429, retry_after="17"), 17),
        (http(429, retry_after="0"), 1),
        (http(429, retry_after=DATE), 120),
        (http(429, retry_after="Fri, 15 Jan 2016 08:02:00 GMT"), 1),
        (http(429, retry_after="-5"), 1),
        (http(429, retry_after="soon"), 60),
        (http(429, retry_after="9" * 400), 26 * 3600),
    ],
)
def test_a_429_says_how_long_to_wait_or_the_default_holds(
    answer: HttpResponse, seconds: float
) -> None:
    error = faults.of_status(answer, Purpose.UPDATE)

    assert isinstance(error, Throttled)
    assert error.retry_after == seconds
    assert faults.pause_after(error) == (seconds, "the vendor's minute is used up (429)")


@pytest.mark.parametrize(
    "message",
    [
        "Transaction (Process ID 61) was deadlocked on lock resources with another process",
        "Timeout expired.  The timeout period elapsed prior to completion of the operation",
        "The operation has timed out",
        "We are down for scheduled maintenance",
        "The service is temporarily unavailable",
        "The server is too busy",
        "A transport-level error has occurred when receiving results from the server",
    ],
)
def test_a_refusal_that_passes_by_itself_is_not_a_verdict_on_the_data(message: str) -> None:
    answer = refusal(None, message)
    assert faults.is_transient(answer)
    assert type(faults.of_refusal(answer, Purpose.QUERY, None)) is Unavailable
    assert type(faults.of_refusal(answer, Purpose.UPDATE, None)) is OutcomeUnknown


@pytest.mark.parametrize(
    "message",
    [
        "Customer product 5003 is denied.",
        "Rate must not be negative. Please try again.",
        "Product 17 has no maintenances",
        "The session timed out",
    ],
)
def test_a_verdict_on_the_data_is_none_that_passes(message: str) -> None:
    assert not faults.is_transient(refusal("P1", message))


def test_a_code_can_be_named_as_one_that_passes() -> None:
    named = ErrorMap(config(transient_codes=frozenset({"D1205"})), lambda: NOW)
    assert isinstance(named.of_refusal(refusal("D1205", "x"), Purpose.QUERY, None), Unavailable)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_may_say_for_how_long(status: int) -> None:
    assert faults.outage_s(http(status, retry_after="60")) == 60
    assert faults.outage_s(http(status)) is None
    assert faults.outage_s(http(200, retry_after="60")) is None


def test_a_date_is_read_by_the_vendors_own_clock() -> None:
    date = "Fri, 15 Jan 2027 07:00:00 GMT"
    assert faults.outage_s(http(503, retry_after=DATE, date=date)) == 3720
    assert faults.outage_s(http(503, retry_after=DATE, date="soon")) == 120
    assert faults.outage_s(http(503, retry_after=DATE, date=date, age="3600")) == 120


@pytest.mark.parametrize(
    ("value", "event"),
    [
        ("-5", "retry_after_bounded"),
        ("0", "retry_after_bounded"),
        ("31536000", "retry_after_bounded"),
        ("soon", "retry_after_ignored"),
    ],
)
def test_an_absurd_wait_is_bounded_and_told(value: str, event: str) -> None:
    with capture_logs() as logs:
        faults.of_status(http(429, retry_after=value), Purpose.QUERY)
    assert [log["event"] for log in logs] == [event]


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (http(403, QUOTA), 3723),
        (http(403, QUOTA, retry_after="60"), 60),
        (http(403, QUOTA.replace(b"01:", b"1.00:")), 86_523),
        (http(403, QUOTA.replace(b"01:02:03", b"1.00:00:00")), 86_400),
        (http(403, b"Out of call volume quota."), 3600),
        (http(403, b"quota: 99:99:99"), 3600),
    ],
)
def test_a_spent_quota_says_when_it_is_back(answer: HttpResponse, seconds: float) -> None:
    error = faults.of_status(answer, Purpose.QUERY)

    assert isinstance(error, QuotaExhausted)
    assert error.until == NOW + seconds
    assert faults.pause_after(error) == (seconds, "the vendor's day is used up (403)")


@pytest.mark.parametrize("error", [Unavailable("x"), OutcomeUnknown("x"), Rejected(None, "x")])
def test_no_other_trouble_makes_the_account_rest(error: RevioError) -> None:
    assert faults.pause_after(error) is None


def test_a_refused_certificate_is_the_accounts_fault() -> None:
    error = faults.of_exception(CertificateRefusedError("it has expired"), Purpose.UPDATE)

    assert isinstance(error, Unauthorised)
    assert str(error) == "the vendor's certificate is refused: it has expired"


def test_a_refusal_is_rejected_with_its_code_and_message() -> None:
    error = faults.of_refusal(refusal("P1", "no such product"), Purpose.QUERY, None)

    assert isinstance(error, Rejected)
    assert (error.code, error.message) == ("P1", "no such product")


def test_a_refusal_without_a_word_is_still_a_refusal() -> None:
    error = faults.of_refusal(refusal(None, ""), Purpose.QUERY, None)

    assert isinstance(error, Rejected)
    assert (error.code, error.message) == (None, "no reason given")


def test_a_refused_login_is_nobodys_job() -> None:
    assert isinstance(
        faults.of_refusal(refusal("S2005", "invalid session"), Purpose.QUERY, None), Unauthorised
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("E77", ""),
        (None, "The session has expired or does not exist."),
        ("X1", "Session is invalid"),
        (None, "Invalid SessionKey: unknown session"),
        (None, "Invalid SessionKey."),
        (None, "The SessionKey has expired."),
        (None, "Session_Key is no longer valid"),
        (None, "Your session has ended. Please log in."),
        (None, "The session token was not recognised"),
    ],
)
def test_an_expired_session_is_known_by_its_code_or_its_message(
    code: str | None, message: str
) -> None:
    assert isinstance(
        faults.of_refusal(refusal(code, message), Purpose.QUERY, None), SessionExpiredError
    )
    as_fault = SoapFaultError(f"soap:{code}" if code else "soap:Server", message)
    assert isinstance(faults.of_soap_fault(as_fault, Purpose.UPDATE, None), SessionExpiredError)


@pytest.mark.parametrize(
    "message",
    [
        "Invalid rate",
        "Sessions are limited to 5",
        "The product is not active",
        "Obsession: unknown",
    ],
)
def test_other_words_end_no_session(message: str) -> None:
    assert isinstance(faults.of_refusal(refusal("X1", message), Purpose.QUERY, None), Rejected)


def test_a_fault_may_come_from_after_the_work() -> None:
    fault = SoapFaultError("soap:Server", "Timeout expired.")

    assert isinstance(faults.of_soap_fault(fault, Purpose.UPDATE, None), OutcomeUnknown)
    assert isinstance(faults.of_soap_fault(fault, Purpose.QUERY, None), Unavailable)


def test_the_vendors_words_are_kept_without_our_secrets() -> None:
    secrets = ['pass<"word">', SUBSCRIPTION_KEY, SESSION_KEY]
    echoing = ErrorMap(config(password=SecretStr(secrets[0])), lambda: NOW)
    message = f"rejected\x00\n{' '.join(secrets)} {html.escape(secrets[0])} {'x' * 1000}"

    for error in (
        echoing.of_refusal(refusal("P1", message), Purpose.QUERY, SecretStr(SESSION_KEY)),
        echoing.of_soap_fault(SoapFaultError("a", message), Purpose.QUERY, SecretStr(SESSION_KEY)),
    ):
        text = str(error)
        assert "rejected" in text
        assert "word" not in text
        assert not any(secret in text for secret in secrets)
        assert "\n" not in text
        assert len(text) < 500


@pytest.mark.parametrize(
    ("answer", "ends_at"),
    [
        (http(403, QUOTA), NOW + 3723),
        (http(403, b"Out of call volume quota", retry_after="90"), NOW + 90),
        (http(403, b"Out of call volume quota"), None),
        (http(403, b"Forbidden", retry_after="90"), None),
        (http(429, QUOTA, retry_after="90"), None),
    ],
)
def test_only_a_quota_answer_that_tells_says_when_the_day_ends(
    answer: HttpResponse, ends_at: float | None
) -> None:
    assert faults.day_ends_at(answer) == ends_at
