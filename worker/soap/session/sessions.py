"""An account's session, shared by all processes; one of them at a time logs in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from pydantic import SecretStr

from revio_jobs.errors import Unauthorised, Unavailable
from tasks.ports import Call
from worker.soap.config import SoapConfig

_log = structlog.get_logger(__name__)

# A member that was not seen for this long is gone.
MEMBER_TTL_S = 3600.0
_PRESENCE_S = 300.0


class LoginRefusedError(Exception):
    """The vendor refused the credentials; another try could lock the account."""


@dataclass(frozen=True, slots=True)
class Session:
    key: SecretStr
    made_at: float
    """Unix time."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Tells sessions apart without showing their keys."""
    login: str | None = None
    """Digest of the credentials that it was made with; None if an earlier release made it."""


class SessionStore(Protocol):
    """What the processes of an account share. Raises Unavailable if it cannot be asked."""

    def load(self, account: str) -> Session | None: ...

    def save(self, account: str, session: Session, lifetime_s: float) -> None: ...

    def renewing(self, account: str) -> AbstractContextManager[None]:
        """Only one process at a time is inside; the others wait."""

    def refused_login(self, account: str) -> str | None:
        """The digest of the credentials that the vendor has refused."""

    def remember_refused_login(self, account: str, digest: str) -> None: ...

    def forget_refused_login(self, account: str) -> None: ...

    def join(self, account: str, member: str) -> None:
        """The member uses the account's session; to be repeated within MEMBER_TTL_S."""

    def leave(self, account: str, member: str) -> Session | None:
        """Takes out and returns the session if no other member is left."""


class Sessions:
    """This process's view of the account's session. For all threads."""

    def __init__(
        self,
        config: SoapConfig,
        store: SessionStore,
        create: Callable[[Call], SecretStr],
        now: Callable[[], float],
    ) -> None:
        """`create` makes one vendor call and may raise LoginRefusedError."""
        self._config = config
        self._store = store
        self._create = create
        self._now = now
        self._member = uuid.uuid4().hex
        self._session: Session | None = None
        self._seen_at = 0.0
        self._judged: dict[str, bool] = {}
        self._obtaining = threading.Lock()

    def current(self, call: Call) -> Session:
        """Raises Unauthorised without a call if these credentials were refused before."""
        session = self._session
        if session is None or not self._is_fresh(session):
            session = self._obtain(session, call)
        if self._now() - self._seen_at > _PRESENCE_S:
            self._store.join(self._config.account, self._member)
            self._seen_at = self._now()
        return session

    def renew(self, stale: Session, call: Call) -> Session:
        """Another session than the one that the vendor has refused."""
        return self._obtain(stale, call)

    def replace(self, call: Call) -> Session:
        """Another session than the one in use."""
        return self._obtain(self._session, call)

    @property
    def is_of_this_login(self) -> bool:
        """Whether the session in use, if there is one, was not made with other credentials."""
        session = self._session
        return session is None or session.login is None or self._is_ours(session.login)

    def rotate(self, used: Session, key: str) -> None:
        """The vendor answered with another key than the one it was asked with.

        Never raises: the call that brought the key was executed.
        """
        if key == used.key.get_secret_value() or self._session is not used:
            return
        self._session = session = Session(SecretStr(key), self._now(), login=used.login)
        try:
            self._store.save(self._config.account, session, self._config.session_lifetime_s)
        except Unavailable as exc:
            _log.warning("session_not_shared", account=self._config.account, reason=str(exc))

    def check_not_refused(self) -> None:
        """Raises Unauthorised if these credentials were refused before."""
        refused = self._store.refused_login(self._config.account)
        if refused and self._is_ours(refused):
            raise Unauthorised("the vendor has refused this login; change the settings")

    def remember_refused(self) -> None:
        """Keep all processes from trying these credentials again."""
        self._store.remember_refused_login(self._config.account, _digest(self._config))

    def forgive(self) -> None:
        """Let refused credentials be tried once more."""
        self._store.forget_refused_login(self._config.account)

    def leave(self) -> Session | None:
        """The session to end, if this was the last process to use it."""
        self._session = None
        if not self._seen_at:
            return None
        return self._store.leave(self._config.account, self._member)

    def _is_fresh(self, session: Session) -> bool:
        return self._now() - session.made_at < self._config.session_lifetime_s

    def _obtain(self, stale: Session | None, call: Call) -> Session:
        with self._obtaining:
            if self._session is not None and self._is_other(self._session, stale):
                return self._session
            session = self._shared(stale)
            if session is None:
                with self._store.renewing(self._config.account):
                    session = self._shared(stale) or self._login(call)
            self._session = session
            return session

    def _shared(self, stale: Session | None) -> Session | None:
        session = self._store.load(self._config.account)
        return session if session and self._is_other(session, stale) else None

    def _is_other(self, session: Session, stale: Session | None) -> bool:
        return self._is_fresh(session) and (stale is None or session.id != stale.id)

    def _login(self, call: Call) -> Session:
        self.check_not_refused()
        try:
            session = Session(self._create(call), self._now(), login=_digest(self._config))
        except LoginRefusedError as exc:
            self.remember_refused()
            raise Unauthorised(str(exc)) from exc
        self._store.save(self._config.account, session, self._config.session_lifetime_s)
        return session

    def _is_ours(self, digest: str) -> bool:
        """Computed once per process and digest: it is costly on purpose."""
        if digest not in self._judged:
            self._judged[digest] = _matches(digest, self._config)
        return self._judged[digest]


def _digest(config: SoapConfig, salt: bytes | None = None) -> str:
    """A digest that tells whether the login has changed since, and reveals nothing."""
    salt = salt or secrets.token_bytes(16)
    login = (config.endpoint, config.username, config.client_code)
    text = "\n".join((*login, config.password.get_secret_value()))
    digest = hashlib.scrypt(text.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"{salt.hex()}${digest.hex()}"


def _matches(digest: str, config: SoapConfig) -> bool:
    salt, _, _ = digest.partition("$")
    return hmac.compare_digest(digest, _digest(config, bytes.fromhex(salt)))
