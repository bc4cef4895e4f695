"""Rev.io's SOAP service as the handlers see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog

from revio_jobs.contracts import CustomerProductRecord, Lane
from revio_jobs.errors import RevioError, Unavailable
from tasks.ports import (
    Call,
    Change,
    Filters,
    PartlyReadable,
    Permits,
    Purpose,
    SpoiltAnswer,
    Wanted,
)
from worker.soap import vendor
from worker.soap.answer.reader import SoapAnswer
from worker.soap.authenticator import Authenticator
from worker.soap.caller import BeforeSend, BuildMessage, Caller
from worker.soap.config import SoapConfig
from worker.soap.error_map import ErrorMap
from worker.soap.first_update import FirstUpdate
from worker.soap.http.transport import Transport
from worker.soap.observer import CallObserver, Unobserved
from worker.soap.oddities import Oddities
from worker.soap.request.builder import query_message, session_message, update_message
from worker.soap.request.message import Login, Message
from worker.soap.service import LazyVendorService, VendorService
from worker.soap.session.sessions import Sessions, SessionStore
from worker.soap.session_caller import SessionCaller
from worker.soap.spans import note_query, note_update
from worker.soap.wsdl.description import Description, describe
from worker.soap.wsdl.schema import Schema
from worker.soap.wsdl.state import MemoryWsdlStates, WsdlStates
from worker.soap.wsdl_watch import WsdlWatch

_log = structlog.get_logger(__name__)

# For a vendor that refuses every request and does not say for how long.
_SLOW_DOWN_S = 10.0


class RevioGateway:
    """One account at the vendor; implements tasks.ports.Gateway. Thread-safe."""

    def __init__(
        self,
        config: SoapConfig,
        permits: Permits,
        store: SessionStore,
        transport: Transport,
        *,
        now: Callable[[], float] = time.time,
        on_schema: Callable[[Schema], None] = lambda _: None,
        states: WsdlStates | None = None,
        on_wsdl_worse: Callable[[str], None] = lambda _: None,
        observer: CallObserver | None = None,
        on_day_end: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`now` returns Unix time; `on_schema` is called when the WSDL was read, `on_day_end` when
        a quota answer tells when the day ends. Makes no call.
        """
        self._config = config
        self._transport = transport
        self._permits = permits
        self._errors = ErrorMap(config, now)
        self._observer = observer or Unobserved()
        self._caller = Caller(
            config, permits, transport, self._errors, self._observer, on_day_end=on_day_end
        )
        self._lazy_service = LazyVendorService(config, now, on_schema)
        self._states = states or MemoryWsdlStates()
        self._on_wsdl_worse = on_wsdl_worse
        self._watch = WsdlWatch(config, self._lazy_service, self._states, on_wsdl_worse, now=now)
        self._authenticator = Authenticator(
            config, self._caller, self._errors, permits, self._service
        )
        self._sessions = Sessions(config, store, self._authenticator.create_session, now)
        self._oddities = Oddities(config.account)
        self._session_caller = SessionCaller(
            config,
            caller=self._caller,
            errors=self._errors,
            sessions=self._sessions,
            authenticator=self._authenticator,
            oddities=self._oddities,
            service=self._service,
        )

    @property
    def unknown_elements(self) -> Mapping[str, int]:
        """Counts, by name, of elements in answers that this version does not know."""
        return self._oddities.unknown_elements

    @property
    def replaced_characters(self) -> Mapping[int, int]:
        """Counts, by product ID, of records in whose texts forbidden characters were replaced."""
        return self._oddities.replaced_characters

    def query(self, filters: Wanted, call: Call) -> list[CustomerProductRecord]:
        """See the port; also raises InvalidJob for filters without a value."""
        wanted = filters if callable(filters) else partial(replace, filters)

        def prepare(schema: Schema, login: Login) -> BuildMessage:
            def build() -> Message:
                filters = wanted()
                self._observer.asked_for(call, filters.count)
                note_query(filters)
                return query_message(schema, login, filters)

            return build

        answer = self._session_caller.ask(vendor.QUERY, prepare, call)
        if not _were_asked_for(answer, wanted()):
            raise Unavailable("the vendor answered with products that were not asked for")
        if answer.unreadable:
            raise PartlyReadable(answer.records, answer.unreadable)
        return answer.records

    def update(self, change: Change, call: Call, before_send: BeforeSend) -> None:
        """See the port; raises UnsupportedChange before anything is sent.

        Up to three calls: a login if there is no session, and if the vendor refuses the session as
        expired another login and the update again. `before_send` runs before each update.
        """

        def prepare(schema: Schema, login: Login) -> BuildMessage:
            message = update_message(schema, login, change)

            def build() -> Message:
                note_update(change)
                return message

            return build

        def send() -> None:
            self._session_caller.ask(vendor.UPDATE, prepare, call, before_send)

        with self._caller.closing():
            state = self._watch.check(self._caller.fetch, self._config.wsdl_check_s)
        if state.is_proven or not self._config.proves_first_update:
            send()
            return
        FirstUpdate(
            self._config.account,
            self._states,
            partial(self._read_back, replace(call, purpose=Purpose.VERIFY)),
            self._watch.proven,
            self._on_wsdl_worse,
        ).make(change, send)

    def _read_back(self, call: Call, product: int) -> CustomerProductRecord | None:
        return next(iter(self.query(Filters(ids=(product,)), call)), None)

    def check_schema(self, max_age_s: float) -> None:
        """See the port."""
        with self._caller.closing():
            self._watch.check(self._caller.fetch, max_age_s)

    def slow_down(self, reason: str) -> None:
        """See the port."""
        self._permits.pause(self._config.account, _SLOW_DOWN_S, reason)

    def check_login(self, *, again: bool = False) -> bool:
        """Check that the vendor accepts us. Raises Unauthorised or Retryable.

        Returns False if it accepts a session that workers share, which was made with other
        credentials than these: they were not tried. `again`: try them in any case, even if they
        were refused before; somebody has fixed the login.
        """
        if again:
            self._sessions.forgive()
        self._check_session()
        if again and not self._sessions.is_of_this_login:
            with self._caller.closing():
                self._sessions.replace(self._own_call())
        return self._sessions.is_of_this_login

    def _check_session(self) -> None:
        if vendor.SESSION_VALIDATE not in self._service().schema.operations:
            with suppress(PartlyReadable, SpoiltAnswer):  # the login was accepted
                self.query(Filters(ids=(1,)), self._own_call())
            return

        def prepare(schema: Schema, login: Login) -> BuildMessage:
            return lambda: session_message(schema, vendor.SESSION_VALIDATE, login)

        self._session_caller.ask(vendor.SESSION_VALIDATE, prepare, self._own_call())

    def describe(self) -> Description:
        """What the WSDL says, field by field. Raises Retryable or Unauthorised."""
        return describe(self._service().wsdl, self._config.endpoint)

    def close(self) -> None:
        """End the session if no other process uses it; a failure is only logged."""
        try:
            if session := self._sessions.leave():
                self._authenticator.end_session(session)
        except RevioError as exc:
            _log.warning("session_not_ended", account=self._config.account, reason=str(exc))
        self._transport.close()

    def _own_call(self) -> Call:
        return Call(self._config.account, Lane.INTERACTIVE, Purpose.SESSION)

    def _service(self) -> VendorService:
        return self._lazy_service.get(self._caller.fetch)


def open_gateway(
    config: SoapConfig,
    permits: Permits,
    store: SessionStore,
    on_schema: Callable[[Schema], None] = lambda _: None,
    *,
    states: WsdlStates | None = None,
    on_wsdl_worse: Callable[[str], None] = lambda _: None,
    observer: CallObserver | None = None,
    on_day_end: Callable[[float], None] = lambda _: None,
) -> RevioGateway:
    """The account's gateway, with its own connection pool. Makes no call."""
    return RevioGateway(
        config,
        permits,
        store,
        Transport(config),
        on_schema=on_schema,
        states=states,
        on_wsdl_worse=on_wsdl_worse,
        observer=observer,
        on_day_end=on_day_end,
    )


def _were_asked_for(answer: SoapAnswer, filters: Filters) -> bool:
    ids, customers, lines = map(set, (filters.ids, filters.customer_ids, filters.line_ids))
    readable = all(
        record["customer_product_id"] in ids
        or record["customer_id"] in customers
        or record["line_id"] in lines
        for record in answer.records
    )
    return readable and all(
        record.customer_product_id in ids
        or record.customer_id in customers
        or record.line_id in lines
        for record in answer.unreadable
    )
