"""Single calls whose replies are shown as they came, good or bad: for experiments on an account.

The gateway turns answers into outcomes of jobs. Here they are looked at: with their HTTP status,
their length and the text of every field. Requests, permits and readers are the product's own; what
differs is that the account's shared session is left alone, that nothing is repeated, and that a
refusal closes nothing: whoever experiments is refused on purpose.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from revio_jobs.contracts import Lane
from revio_jobs.errors import QuotaExhausted, RevioError, Throttled, Unauthorised
from tasks.ports import Call, Change, Filters, Permits, Purpose, SpoiltAnswer
from worker.soap import vendor
from worker.soap.answer.raw_records import RawRecord, read_raw_records
from worker.soap.answer.reader import SoapAnswer
from worker.soap.caller import Caller
from worker.soap.config import SoapConfig
from worker.soap.error_map import ErrorMap, SessionExpiredError
from worker.soap.http.transport import Transport
from worker.soap.http.wire import HttpResponse
from worker.soap.observer import Unobserved
from worker.soap.request.builder import query_message, session_message, update_message
from worker.soap.request.message import Login, Message
from worker.soap.service import LazyVendorService, VendorService
from worker.soap.wsdl.description import Description, describe
from worker.soap.wsdl.schema import Schema

_SHOWN = 300


class Kind(StrEnum):
    """What a reply means for whoever asked."""

    DONE = "done"
    REFUSED = "refused"
    """Success=false, as a verdict on the request."""
    EXPIRED = "expired"
    """The session is refused."""
    WAIT = "wait"
    """A limit: 429, quota, or our own."""
    CLOSED = "closed"
    """Login, key or address are refused."""
    FAILED = "failed"
    """No answer, or one that says nothing about the request; the call may have been executed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One call, as it was answered."""

    operation: str
    kind: Kind
    seconds: float
    code: str | None = None
    message: str = ""
    session_key: SecretStr | None = None
    """The one in the answer's Header, or the new session's."""
    records: tuple[RawRecord, ...] = ()
    status: int | None = None
    """The HTTP status; None if no response came."""
    retry_after: str | None = None
    """The header, as it was written."""
    body: str = ""
    """The beginning of what came with a status other than 200."""
    bytes: int = 0
    wait_s: float = 0.0
    """Seconds until it is worth asking again, if that is known."""


class RecordingTransport(Transport):
    """Remembers the last response. For one thread."""

    last: HttpResponse | None = None

    def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        before_send: Callable[[], None] = lambda: None,
    ) -> HttpResponse:
        self.last = None
        self.last = super().post(url, headers, body, before_send)
        return self.last


class Probe:
    """One account, for one thread. By itself it makes no call except to load the WSDL."""

    def __init__(
        self,
        config: SoapConfig,
        permits: Permits,
        transport: RecordingTransport | None = None,
        *,
        now: Callable[[], float] = time.time,
        on_day_end: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`now` returns Unix time."""
        self.config = config
        self._now = now
        self._transport = transport or RecordingTransport(config)
        self._errors = ErrorMap(config, now)
        self._caller = Caller(
            config, permits, self._transport, self._errors, Unobserved(), on_day_end=on_day_end
        )
        self._lazy_service = LazyVendorService(config, now)

    def describe(self) -> Description:
        """What the WSDL says. Raises Retryable or Unauthorised."""
        return describe(self._service().wsdl, self.config.endpoint)

    @property
    def uses_sessions(self) -> bool:
        return self._service().schema.uses_sessions

    @property
    def can_end_sessions(self) -> bool:
        return vendor.SESSION_DESTROY in self._service().schema.operations

    def create_session(self) -> Reply:
        """A login; to be repeated with care, since accounts lock."""
        return self._ask(
            vendor.SESSION_CREATE,
            Purpose.SESSION,
            lambda schema: session_message(schema, vendor.SESSION_CREATE, self._login(None)),
        )

    def end_session(self, key: SecretStr) -> Reply:
        return self._ask(
            vendor.SESSION_DESTROY,
            Purpose.SESSION,
            lambda schema: session_message(schema, vendor.SESSION_DESTROY, self._login(key)),
        )

    def query(self, filters: Filters, key: SecretStr | None) -> Reply:
        """`key`: the session's key; None to send the credentials."""
        return self._ask(
            vendor.QUERY,
            Purpose.QUERY,
            lambda schema: query_message(schema, self._login(key), filters),
        )

    def update(self, change: Change, key: SecretStr | None) -> Reply:
        """Raises UnsupportedChange, before anything is sent, for what the WSDL cannot express."""
        return self._ask(
            vendor.UPDATE,
            Purpose.UPDATE,
            lambda schema: update_message(schema, self._login(key), change),
        )

    def check_update(self, change: Change) -> None:
        """Raises UnsupportedChange if the WSDL cannot express it. Sends nothing."""
        update_message(self._service().schema, self._login(None), change)

    def close(self) -> None:
        self._transport.close()

    def _login(self, key: SecretStr | None) -> Login:
        config = self.config
        return Login(config.username, config.password, config.client_code, key)

    def _service(self) -> VendorService:
        return self._lazy_service.get(self._caller.fetch)

    def _ask(self, operation: str, purpose: Purpose, build: Callable[[Schema], Message]) -> Reply:
        service = self._service()
        message = build(service.schema)
        call = Call(self.config.account, Lane.INTERACTIVE, purpose)
        began = self._now()
        self._transport.last = None

        def send() -> Message:
            nonlocal began
            began = self._now()
            return message

        try:
            answer = self._caller.ask(send, service.readers[operation], call)
        except (RevioError, SessionExpiredError, SpoiltAnswer) as exc:
            return self._failed(operation, exc, self._now() - began)
        return self._answered(operation, answer, self._now() - began)

    def _answered(self, operation: str, answer: SoapAnswer, seconds: float) -> Reply:
        http = self._transport.last
        return Reply(
            operation,
            self._kind_of(answer),
            seconds,
            answer.error_code,
            answer.message,
            SecretStr(answer.session_key) if answer.session_key else None,
            read_raw_records(http) if http and answer.success and operation == vendor.QUERY else (),
            http.status if http else None,
            bytes=len(http.body) if http else 0,
        )

    def _kind_of(self, answer: SoapAnswer) -> Kind:
        if answer.success:
            return Kind.DONE
        if self._errors.is_transient(answer):
            return Kind.FAILED
        if self._errors.is_login_refused(answer.error_code):
            return Kind.CLOSED
        refusal = self._errors.of_refusal(answer, Purpose.QUERY, None)
        return Kind.EXPIRED if isinstance(refusal, SessionExpiredError) else Kind.REFUSED

    def _failed(self, operation: str, error: Exception, seconds: float) -> Reply:
        http = self._transport.last
        kind, wait_s = _of_error(error, self._now())
        return Reply(
            operation,
            kind,
            seconds,
            message=str(error),
            status=http.status if http else None,
            retry_after=http.headers.get("retry-after") if http else None,
            body=_start(http) if http else "",
            bytes=len(http.body) if http else 0,
            wait_s=wait_s,
        )


def open_probe(
    config: SoapConfig, permits: Permits, on_day_end: Callable[[float], None] = lambda _: None
) -> Probe:
    """A probe with its own connection. Makes no call."""
    return Probe(config, permits, on_day_end=on_day_end)


def _of_error(error: Exception, now: float) -> tuple[Kind, float]:
    match error:
        case SessionExpiredError():
            return Kind.EXPIRED, 0.0
        case Throttled() if error.bound == "outage":
            return Kind.FAILED, error.retry_after
        case Throttled():
            return Kind.WAIT, error.retry_after
        case QuotaExhausted():
            return Kind.WAIT, max(error.until - now, 1.0)
        case Unauthorised():
            return Kind.CLOSED, 0.0
        case _:
            return Kind.FAILED, 0.0


def _start(http: HttpResponse) -> str:
    return "" if http.status == 200 else http.body[:_SHOWN].decode("utf-8", errors="replace")  # noqa: PLR2004 - HTTP's OK
