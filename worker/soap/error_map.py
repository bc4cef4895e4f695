"""Maps each way a call can fail to one error of the tree. Nothing else decides that.

The question is always whether the vendor may have executed the call. If so, an update ends as
OutcomeUnknown; a read can be repeated and ends as Unavailable.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus

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
from tasks.ports import Purpose
from worker.soap.answer.reader import SoapAnswer, SoapFaultError
from worker.soap.answer.xml import UnreadableAnswerError
from worker.soap.config import SoapConfig
from worker.soap.http.retry_after import bound, retry_after
from worker.soap.http.wire import (
    CertificateRefusedError,
    HttpResponse,
    MaybeExecutedError,
    NotSentError,
)

_THROTTLED_S = 60.0  # the gateway counts calls by the minute
_QUOTA_S = 3600.0
_LONGEST_MESSAGE = 300

_QUOTA = re.compile(r"quota", re.IGNORECASE)
# As .NET writes a duration, with its days before a point: 1.00:00:00.
_REPLENISHED = re.compile(r"\b(?:(\d{1,3})\.)?(\d{1,3}):([0-5]\d):([0-5]\d)\b", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class SessionExpiredError(Exception):
    """The vendor refused the session and so did not execute the call."""


class ErrorMap:
    """Turns failures into errors of the tree, without secrets and bodies in their texts."""

    def __init__(self, config: SoapConfig, now: Callable[[], float]) -> None:
        self._config = config
        self._now = now
        self._expired_message = re.compile(config.session_expired_message)
        self._transient_message = re.compile(config.transient_message)

    def of_exception(self, exc: Exception, purpose: Purpose) -> RevioError:
        """The error for an exception of the transport or of an answer's reader."""
        if isinstance(exc, CertificateRefusedError):
            return Unauthorised(f"the vendor's certificate is refused: {exc}")
        if isinstance(exc, NotSentError):
            return Unavailable(f"nothing was sent: {exc}")
        if isinstance(exc, MaybeExecutedError | UnreadableAnswerError):
            return _maybe_executed(purpose, str(exc))
        # An unforeseen error, whose text may hold anything.
        return _maybe_executed(purpose, f"unexpected {type(exc).__name__}")

    def of_status(self, answer: HttpResponse, purpose: Purpose) -> RevioError | None:
        """The error for a status that decides without the body's XML; None for 200."""
        match answer.status:
            case 200:
                return None
            case 401:  # the gateway let nothing through
                return Unauthorised("the vendor's gateway refused the subscription key (401)")
            case 403 if _QUOTA.search(_start_of(answer.body)):  # the gateway let nothing through
                return QuotaExhausted(self._now() + _quota_wait(answer, self._now()))
            case 403:  # the gateway let nothing through
                return Unauthorised("the vendor's gateway forbids the call (403)")
            case 404:  # no service is there that could have executed it
                return Unauthorised("the endpoint does not exist (404)")
            case 429:  # the gateway let nothing through
                return Throttled(retry_after(answer, self._now()) or _THROTTLED_S, "vendor")
            case 303:  # "done, see there" is what it may mean after a POST
                return _maybe_executed(purpose, "the vendor answered with a redirect (303)")
            case status if 300 <= status < 400:  # noqa: PLR2004 - what redirects is elsewhere
                return Unauthorised(f"the endpoint redirects elsewhere ({status})")
            case status:  # a 202 or a 5xx may come after the work was done
                return _maybe_executed(purpose, f"the vendor answered with status {status}")

    def day_ends_at(self, answer: HttpResponse) -> float | None:
        """When the day's quota is reset (Unix time), if this is a quota refusal that says so."""
        if answer.status != HTTPStatus.FORBIDDEN or not _QUOTA.search(_start_of(answer.body)):
            return None
        wait_s = _stated_wait(answer, self._now())
        return None if wait_s is None else self._now() + wait_s

    def outage_s(self, answer: HttpResponse) -> float | None:
        """Seconds for which a server error (5xx) asks us not to call; None if it says nothing."""
        if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        return retry_after(answer, self._now())

    def of_soap_fault(
        self, fault: SoapFaultError, purpose: Purpose, session_key: SecretStr | None
    ) -> RevioError | SessionExpiredError:
        """The error for a SOAP fault: SessionExpiredError if it says so, else by purpose.

        A fault may come from any layer, even after the work was done. So it is OutcomeUnknown for
        an update, and Unavailable for any other call. `session_key` is removed from the text.
        """
        if self._is_expired(fault.code, fault.text):
            return SessionExpiredError()
        text = self._printable(f"{fault.code}: {fault.text}", session_key)
        return _maybe_executed(purpose, f"the vendor answered with a fault, {text}")

    def of_refusal(
        self, answer: SoapAnswer, purpose: Purpose, session_key: SecretStr | None
    ) -> RevioError | SessionExpiredError:
        """Success=false: the vendor looked at the request and did not execute it.

        A refusal that does not judge the data (a deadlock, a time-out, maintenance) is an outage;
        whether an update that met one was executed, a query has to tell.
        """
        if self._is_expired(answer.error_code or "", answer.message):
            return SessionExpiredError()
        if self.is_transient(answer):
            reason = self._printable(answer.message or str(answer.error_code), session_key)
            return _maybe_executed(purpose, f"the vendor failed for a moment: {reason}")
        message = self._printable(answer.message or "no reason given", session_key)
        if self.is_login_refused(answer.error_code):
            return Unauthorised(f"the vendor refused the login ({answer.error_code}): {message}")
        return Rejected(answer.error_code, message)

    def is_transient(self, answer: SoapAnswer) -> bool:
        """Whether the refusal's reason is transient."""
        if answer.success or self.refuses_login(answer):
            return False
        is_known = answer.error_code in self._config.transient_codes
        return is_known or bool(self._transient_message.search(answer.message))

    def refuses_login(self, answer: SoapAnswer) -> bool:
        """Whether it refuses the credentials, or a session that was made with them."""
        if answer.success:
            return False
        code = answer.error_code
        return self.is_login_refused(code) or self._is_expired(code or "", answer.message)

    def is_login_refused(self, code: str | None) -> bool:
        return code in self._config.login_refused_codes

    def pause_after(self, error: RevioError) -> tuple[float, str] | None:
        """Seconds for which the account must not call after this error, and why."""
        match error:
            case Throttled():
                return error.retry_after, "the vendor's minute is used up (429)"
            case QuotaExhausted():
                return max(1.0, error.until - self._now()), "the vendor's day is used up (403)"
            case _:
                return None

    def _is_expired(self, code: str, message: str) -> bool:
        # SOAP 1.1 codes may be qualified.
        bare = code.rpartition(":")[2]
        if bare in self._config.session_expired_codes:
            return True
        return not self.is_login_refused(bare) and bool(self._expired_message.search(message))

    def _printable(self, text: str, session_key: SecretStr | None) -> str:
        """The vendor's words without our secrets, which a fatal error may echo."""
        secrets = (self._config.password, self._config.subscription_key, session_key)
        for secret in _spellings(key.get_secret_value() for key in secrets if key):
            text = text.replace(secret, "[secret]")
        return _UNPRINTABLE.sub(" ", text)[:_LONGEST_MESSAGE]


def _maybe_executed(purpose: Purpose, reason: str) -> RevioError:
    return OutcomeUnknown(reason) if purpose is Purpose.UPDATE else Unavailable(reason)


def _spellings(secrets: Iterable[str]) -> list[str]:
    """The longest first, so that none is cut apart by another."""
    plain = [secret for secret in secrets if secret]
    return sorted({*plain, *map(html.escape, plain)}, key=len, reverse=True)


def _quota_wait(answer: HttpResponse, now: float) -> float:
    wait_s = _stated_wait(answer, now)
    return _QUOTA_S if wait_s is None else wait_s


def _stated_wait(answer: HttpResponse, now: float) -> float | None:
    if (seconds := retry_after(answer, now)) is not None:
        return seconds
    if matched := _REPLENISHED.search(_start_of(answer.body)):
        days, hours, minutes, rest = (int(part or 0) for part in matched.groups())
        return bound(((days * 24 + hours) * 60 + minutes) * 60 + rest)
    return None


def _start_of(body: bytes) -> str:
    return body[:4096].decode("utf-8", errors="replace")
