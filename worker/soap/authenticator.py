"""The calls that make and end sessions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from pydantic import SecretStr

from revio_jobs.contracts import Lane
from revio_jobs.errors import Unavailable
from tasks.ports import Call, Permits, Purpose
from worker.soap import vendor
from worker.soap.caller import Caller
from worker.soap.config import SoapConfig
from worker.soap.error_map import ErrorMap, SessionExpiredError
from worker.soap.request.builder import session_message
from worker.soap.request.message import Login
from worker.soap.service import VendorService
from worker.soap.session.sessions import LoginRefusedError, Session

# A login that failed for an unknown reason may have been refused, and accounts lock after a few.
_LOGIN_REST_S = 900.0


class Authenticator:
    """Logs in and out."""

    def __init__(
        self,
        config: SoapConfig,
        caller: Caller,
        errors: ErrorMap,
        permits: Permits,
        service: Callable[[], VendorService],
    ) -> None:
        self._config = config
        self._caller = caller
        self._errors = errors
        self._permits = permits
        self._service = service

    def login(self, key: SecretStr | None) -> Login:
        """The session, or without one the credentials."""
        config = self._config
        return Login(config.username, config.password, config.client_code, key)

    def create_session(self, call: Call) -> SecretStr:
        """One vendor call. Raises LoginRefusedError, or an error of the tree."""
        service = self._service()
        message = session_message(service.schema, vendor.SESSION_CREATE, self.login(None))
        answer = self._caller.ask(
            lambda: message,
            service.readers[vendor.SESSION_CREATE],
            replace(call, purpose=Purpose.SESSION),
        )
        if answer.success and answer.session_key:
            return SecretStr(answer.session_key)
        reason = self._errors.of_refusal(answer, Purpose.SESSION, None)
        if self._errors.is_login_refused(answer.error_code):
            raise LoginRefusedError(str(reason))
        if self._errors.is_transient(answer):
            raise Unavailable(str(reason))
        self._permits.pause(self._config.account, _LOGIN_REST_S, f"login failed: {reason}")
        raise Unavailable(f"no session was given: {reason}")

    def end_session(self, session: Session) -> None:
        """One vendor call. Raises an error of the tree."""
        service = self._service()
        if vendor.SESSION_DESTROY not in service.schema.operations:
            return
        message = session_message(service.schema, vendor.SESSION_DESTROY, self.login(session.key))
        call = Call(self._config.account, Lane.INTERACTIVE, Purpose.SESSION)
        reader = service.readers[vendor.SESSION_DESTROY]
        with suppress(SessionExpiredError):  # then it has ended by itself
            self._caller.ask(lambda: message, reader, call, session_key=session.key)
