"""Calls within the account's session, which is renewed once if the vendor says it has expired."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from revio_jobs.errors import RevioError, Unauthorised, Unavailable
from tasks.ports import Call, Purpose
from worker.soap.answer.reader import AnswerReader, SoapAnswer
from worker.soap.authenticator import Authenticator
from worker.soap.caller import BeforeSend, BuildMessage, Caller, nothing_before
from worker.soap.config import SoapConfig
from worker.soap.error_map import ErrorMap, SessionExpiredError
from worker.soap.oddities import Oddities
from worker.soap.request.message import Login
from worker.soap.service import VendorService
from worker.soap.session.sessions import Session, Sessions
from worker.soap.wsdl.schema import Schema

_log = structlog.get_logger(__name__)

Prepare = Callable[[Schema, Login], BuildMessage]
"""Makes what builds the message, for the vendor's schema and the login of the session."""


class SessionCaller:
    """Asks the vendor within a session, or with the credentials if it has no sessions."""

    def __init__(
        self,
        config: SoapConfig,
        *,
        caller: Caller,
        errors: ErrorMap,
        sessions: Sessions,
        authenticator: Authenticator,
        oddities: Oddities,
        service: Callable[[], VendorService],
    ) -> None:
        self._config = config
        self._caller = caller
        self._errors = errors
        self._sessions = sessions
        self._authenticator = authenticator
        self._oddities = oddities
        self._service = service

    def ask(
        self,
        operation: str,
        prepare: Prepare,
        call: Call,
        before_send: BeforeSend = nothing_before,
    ) -> SoapAnswer:
        """The vendor's answer, which reports success. Raises an error of the tree or SpoiltAnswer.

        `prepare` is called for each attempt, since a new session means another request.
        """
        with self._caller.closing():
            service = self._service()
            session = self._session(service, call)
        reader = service.readers[operation]

        def attempt(session: Session | None) -> SoapAnswer:
            build = prepare(
                service.schema, self._authenticator.login(session.key if session else None)
            )
            return self._attempt(build, reader, session, call, before_send)

        try:
            return attempt(session)
        except SessionExpiredError:
            _log.info("session_expired", account=self._config.account)
        if session is None:
            raise Unavailable("the vendor speaks of an expired session, but none was used")
        with self._caller.closing():
            session = self._sessions.renew(session, call)
        try:
            return attempt(session)
        except SessionExpiredError:
            raise Unavailable("the vendor refused a new session as expired") from None

    def _session(self, service: VendorService, call: Call) -> Session | None:
        """None if each call carries the credentials itself."""
        if service.schema.uses_sessions:
            return self._sessions.current(call)
        self._sessions.check_not_refused()
        return None

    def _attempt(
        self,
        build: BuildMessage,
        reader: AnswerReader,
        session: Session | None,
        call: Call,
        before_send: BeforeSend,
    ) -> SoapAnswer:
        """One call. Raises SessionExpiredError, or an error of the tree."""
        key = session.key if session else None
        answer = self._caller.ask(build, reader, call, before_send, key)
        if not answer.success:
            raise self._refused(answer, session, call.purpose)
        self._oddities.note(answer)
        if session and answer.session_key:
            self._sessions.rotate(session, answer.session_key)
        return answer

    def _refused(
        self, answer: SoapAnswer, session: Session | None, purpose: Purpose
    ) -> RevioError | SessionExpiredError:
        error = self._errors.of_refusal(answer, purpose, session.key if session else None)
        if isinstance(error, SessionExpiredError):
            return error
        if isinstance(error, Unauthorised):
            self._sessions.remember_refused()
        return self._caller.with_pause(error)
