"""One call: its permit, its exchange, and an answer or one error of the tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from time import perf_counter

import structlog
from pydantic import SecretStr

from revio_jobs.contracts import Lane
from revio_jobs.errors import OutcomeUnknown, RevioError, Throttled, Unauthorised, Unavailable
from tasks.ports import Call, Permits, Purpose, SpoiltAnswer
from worker.soap.answer.document import document_of
from worker.soap.answer.reader import AnswerReader, SoapAnswer, SoapFaultError
from worker.soap.answer.repeated_records import each_once
from worker.soap.answer.xml import SpoiltAnswerError, UnreadableAnswerError
from worker.soap.config import SoapConfig
from worker.soap.error_map import ErrorMap
from worker.soap.http.downloaded import Downloaded
from worker.soap.http.transport import Transport, origin_of
from worker.soap.http.wire import HttpResponse, NotSentError, SentLateError
from worker.soap.observer import NO_ANSWER, NO_CONNECTION, CallObserver
from worker.soap.request.message import Message
from worker.soap.spans import CallSpans, note_answer, note_permit, note_status

_log = structlog.get_logger(__name__)

# Calls whose parts can be asked for one by one.
_READS = frozenset({Purpose.QUERY, Purpose.VERIFY})
_FAULT_STATUSES = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR})

BeforeSend = Callable[[], None]
BuildMessage = Callable[[], Message]
"""Builds the message; called once the call has its permit."""


def nothing_before() -> None:
    """The default of `before_send`."""


class _StoppedError(Exception):
    """`before_send` or building the message raised; nothing was sent."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__()
        self.reason = reason


class Caller:
    """Makes the account's calls. An answer such as a 429 pauses the whole account."""

    def __init__(
        self,
        config: SoapConfig,
        permits: Permits,
        transport: Transport,
        errors: ErrorMap,
        observer: CallObserver,
        *,
        on_day_end: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`on_day_end` is told when a quota answer says that the day ends (Unix time)."""
        self._on_day_end = on_day_end
        self._config = config
        self._permits = permits
        self._transport = transport
        self._errors = errors
        self._observer = observer
        self._spans = CallSpans(config)
        self._documents: dict[str, Downloaded] = {}

    def ask(
        self,
        build: BuildMessage,
        reader: AnswerReader,
        call: Call,
        before_send: BeforeSend = nothing_before,
        session_key: SecretStr | None = None,
    ) -> SoapAnswer:
        """Make one call and return the vendor's answer, which may report Success=false.

        `build` makes the message once the call has its permit; `before_send` runs after that and
        before the first byte leaves. What either raises is raised, and the permit refunded.
        `session_key` is removed from error texts. Raises SessionExpiredError if a fault says so,
        SpoiltAnswer if the answer to a read cannot be parsed, else an error of the tree: Retryable
        or Permanent if the vendor provably did not execute the call, OutcomeUnknown if it may have.
        """
        with self._spans.open(call, reader.operation):
            answer = self._ask(build, reader, call, before_send, session_key)
            note_answer(success=answer.success, code=answer.error_code)
            return answer

    def _ask(
        self,
        build: BuildMessage,
        reader: AnswerReader,
        call: Call,
        before_send: BeforeSend,
        session_key: SecretStr | None,
    ) -> SoapAnswer:
        def post(before: BeforeSend) -> HttpResponse:
            try:
                message = build()
            except RevioError as exc:
                raise _StoppedError(exc) from exc
            headers = {**message.headers, **self._key_header()}
            return self._transport.post(self._config.endpoint, headers, message.body, before)

        http = self._exchange(call, post, before_send)
        if ends_at := self._errors.day_ends_at(http):
            self._on_day_end(ends_at)
        refusal = self._errors.of_status(http, call.purpose)
        self._check_outage(http, refusal)
        if refusal and http.status not in _FAULT_STATUSES:
            raise self.with_pause(self._with_report(refusal))
        try:
            answer = each_once(reader.read(document_of(http)))
        except SoapFaultError as exc:
            # Its text is the vendor's and may echo the request.
            error = self._errors.of_soap_fault(exc, call.purpose, session_key)
            raise (self._with_report(error) if isinstance(error, RevioError) else error) from None
        except SpoiltAnswerError as exc:
            if refusal or call.purpose not in _READS:
                raise self._with_report(
                    refusal or self._errors.of_exception(exc, call.purpose)
                ) from exc
            # What a product holds says nothing about the vendor's health.
            self._permits.report(self._config.account, healthy=True)
            raise SpoiltAnswer(str(exc)) from exc
        except Exception as exc:
            error = refusal or self._errors.of_exception(exc, call.purpose)
            raise self._with_report(error) from exc
        if refusal:
            raise self._with_report(refusal)
        self._report_answer(answer)
        return answer

    def fetch(self, url: str) -> bytes:
        """Download a document; with a permit if it is the vendor's. Raises an error of the tree."""
        call = Call(self._config.account, Lane.INTERACTIVE, Purpose.SESSION)
        with self._spans.open(call, "WSDL", "GET"):
            return self._fetch(url, call)

    def _fetch(self, url: str, call: Call) -> bytes:
        known = self._documents.get(url)
        conditions = known.conditions if known else {}
        is_vendors = origin_of(url) == origin_of(self._config.endpoint)
        if is_vendors:
            headers = {**self._key_header(), **conditions}
            http = self._exchange(call, lambda before: self._transport.get(url, headers, before))
        else:
            http = self._translated(call, lambda: self._transport.get(url, conditions))
        if known and http.status == HTTPStatus.NOT_MODIFIED:
            return known.body
        refusal = self._errors.of_status(http, call.purpose)
        if is_vendors:
            self._check_outage(http, refusal)
        if isinstance(refusal, Unauthorised):
            # A missing document says nothing about the account: there may be a copy of it.
            raise refusal
        if refusal:
            raise self.with_pause(refusal)
        try:
            body = document_of(http)
        except UnreadableAnswerError as exc:
            raise Unavailable(str(exc)) from exc
        self._documents[url] = Downloaded.of(http, body)
        return body

    def _check_outage(self, http: HttpResponse, refusal: RevioError | None) -> None:
        """Raise, after the account was paused, if a server error says for how long it lasts.

        It does not count for the breaker: the vendor itself says when to come back.
        """
        wait_s = self._errors.outage_s(http)
        if wait_s is None:
            return
        reason = f"the vendor is out of service ({http.status}) and says for how long"
        try:
            self._permits.pause(self._config.account, wait_s, reason)
        except Unavailable as exc:
            # Raised here, it would say of an update that it was not executed.
            _log.warning("pause_failed", account=self._config.account, reason=str(exc))
        if isinstance(refusal, OutcomeUnknown):
            raise refusal
        raise Throttled(wait_s, "outage")

    def with_pause(self, error: RevioError) -> RevioError:
        """The error itself, after the account was paused or closed if the error calls for that."""
        if isinstance(error, Unauthorised):
            self._permits.close(self._config.account, str(error))
        elif pause := self._errors.pause_after(error):
            spent = isinstance(error, Throttled)
            self._permits.pause(self._config.account, *pause, minute_spent=spent)
        return error

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Close the account on a refusal, even an earlier one that this call has only met again."""
        try:
            yield
        except Unauthorised as exc:
            self.with_pause(exc)
            raise

    def _with_report(self, error: RevioError) -> RevioError:
        """The error itself, after the breaker was told; a refused account is not its business."""
        if isinstance(error, Unauthorised):
            return error
        failed = isinstance(error, Unavailable | OutcomeUnknown)
        self._permits.report(self._config.account, healthy=not failed)
        return error

    def _report_answer(self, answer: SoapAnswer) -> None:
        """Report a whole answer to the breaker, unless it refuses the login.

        As the answer to the probe of a closed account, the refusal of a login or of its session
        would open the account, only for the next refused login to close it again.
        """
        if not self._errors.refuses_login(answer):
            healthy = not self._errors.is_transient(answer)
            self._permits.report(self._config.account, healthy=healthy)

    def _key_header(self) -> dict[str, str]:
        key = self._config.subscription_key
        return {"Ocp-Apim-Subscription-Key": key.get_secret_value()} if key else {}

    def _exchange(
        self,
        call: Call,
        send: Callable[[BeforeSend], HttpResponse],
        before_send: BeforeSend = nothing_before,
    ) -> HttpResponse:
        asked_at = perf_counter()
        permit = self._permits.acquire(call)
        note_permit(perf_counter() - asked_at)

        def before() -> None:
            try:
                before_send()
            except BaseException as exc:
                raise _StoppedError(exc) from exc

        def sending() -> HttpResponse:
            began = perf_counter()
            try:
                http = send(before)
            except (NotSentError, _StoppedError) as exc:
                self._permits.refund(permit)
                if isinstance(exc, NotSentError):
                    self._observer.called(call, NO_CONNECTION, perf_counter() - began)
                raise
            except Exception:
                self._observer.called(call, NO_ANSWER, perf_counter() - began)
                raise
            self._permits.answered(permit)
            self._observer.called(call, str(http.status), perf_counter() - began)
            note_status(http.status)
            return http

        try:
            return self._translated(call, sending)
        except _StoppedError as exc:
            raise exc.reason from None

    def _translated(self, call: Call, exchange: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            return exchange()
        except _StoppedError:
            raise
        except Exception as exc:
            # Unforeseen errors too: by then the call may have been executed.
            if isinstance(exc, SentLateError):
                self._tell_of_late(exc.late_s, call)
            error = self._errors.of_exception(exc, call.purpose)
            raise self.with_pause(self._with_report(error)) from exc

    def _tell_of_late(self, late_s: float, call: Call) -> None:
        """Of an update that left when another worker may have sent it, too.

        Nothing can tell whether it was executed twice, or over a later one: the other worker has
        ended the job.
        """
        if call.purpose is Purpose.UPDATE and late_s > self._config.execution_s:
            fix = "compare the product at Rev.io with the last update of it"
            _log.error("update_sent_late", account=call.account, seconds=round(late_s, 1), fix=fix)
