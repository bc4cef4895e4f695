"""Where the processes of an account share its session: in memory, or encrypted in Redis."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import LockError, RedisError

from revio_jobs.errors import Unavailable
from worker.redis_kit.scripts import fail_closed, load_script
from worker.soap.session.sessions import MEMBER_TTL_S, Session

_REFUSED_LOGIN_S = 30 * 86_400


class MemorySessionStore:
    """For one process."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._refused: dict[str, str] = {}
        self._members: defaultdict[str, set[str]] = defaultdict(set)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def load(self, account: str) -> Session | None:
        return self._sessions.get(account)

    def save(self, account: str, session: Session, lifetime_s: float) -> None:  # noqa: ARG002
        self._sessions[account] = session

    @contextmanager
    def renewing(self, account: str) -> Iterator[None]:
        with self._locks[account]:
            yield

    def refused_login(self, account: str) -> str | None:
        return self._refused.get(account)

    def remember_refused_login(self, account: str, digest: str) -> None:
        self._refused[account] = digest

    def forget_refused_login(self, account: str) -> None:
        self._refused.pop(account, None)

    def join(self, account: str, member: str) -> None:
        self._members[account].add(member)

    def leave(self, account: str, member: str) -> Session | None:
        self._members[account].discard(member)
        return None if self._members[account] else self._sessions.pop(account, None)


class RedisSessionStore:
    """For all processes on one Redis, which sees session keys encrypted only.

    Without an encryption key each process keeps its session to itself; that a login was refused
    is shared all the same, since every further try could lock the account.
    """

    def __init__(
        self,
        redis: Redis,
        encryption_key: SecretStr | None,
        *,
        login_s: float = 40.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`encryption_key` is one of Fernet's; raises ValueError for any other.

        `login_s`: longer than a login takes, its wait for a permit included. One that has taken
        so long has died, and another process may log in.
        """
        self._login_s = login_s
        self._redis: Any = redis
        self._box = Fernet(encryption_key.get_secret_value()) if encryption_key else None
        self._private = MemorySessionStore()
        self._now = now
        self._leave = load_script(redis, "worker.soap.session", "leave")

    def load(self, account: str) -> Session | None:
        if self._box is None:
            return self._private.load(account)
        with _asking():
            return _opened(self._box, self._redis.get(_key(account, "session")))

    def save(self, account: str, session: Session, lifetime_s: float) -> None:
        if self._box is None:
            self._private.save(account, session, lifetime_s)
            return
        plain = {
            "key": session.key.get_secret_value(),
            "at": session.made_at,
            "id": session.id,
            "login": session.login,
        }
        sealed = self._box.encrypt(json.dumps(plain).encode())
        with _asking():
            self._redis.set(_key(account, "session"), sealed, px=int(lifetime_s * 1000))

    @contextmanager
    def renewing(self, account: str) -> Iterator[None]:
        lock = self._redis.lock(
            _key(account, "renewing"),
            timeout=self._login_s,
            blocking_timeout=self._login_s,
            sleep=0.1,
        )
        with _asking():
            if not lock.acquire():
                raise Unavailable("another process takes too long to log in")
        try:
            yield
        finally:
            # A lock that was lost, or that Redis cannot be told of, ends by itself.
            with suppress(LockError, RedisError):
                lock.release()

    def refused_login(self, account: str) -> str | None:
        with _asking():
            value = self._redis.get(_key(account, "refused_login"))
        return value.decode() if isinstance(value, bytes) else value

    def remember_refused_login(self, account: str, digest: str) -> None:
        with _asking():
            self._redis.set(_key(account, "refused_login"), digest, ex=_REFUSED_LOGIN_S)

    def forget_refused_login(self, account: str) -> None:
        with _asking():
            self._redis.delete(_key(account, "refused_login"))

    def join(self, account: str, member: str) -> None:
        if self._box is None:
            self._private.join(account, member)
            return
        with _asking():
            self._redis.zadd(_key(account, "members"), {member: self._now() + MEMBER_TTL_S})
            self._redis.expire(_key(account, "members"), int(2 * MEMBER_TTL_S))

    def leave(self, account: str, member: str) -> Session | None:
        if self._box is None:
            return self._private.leave(account, member)
        keys = [_key(account, "members"), _key(account, "session")]
        with _asking():
            return _opened(self._box, self._leave(keys=keys, args=[member, self._now()]))


@contextmanager
def _asking() -> Iterator[None]:
    with fail_closed("the vendor's session"):
        yield


def _opened(box: Fernet, sealed: bytes | str | None) -> Session | None:
    """The session; None if it was sealed with another key, so that a new one is made."""
    if sealed is None:
        return None
    try:
        plain = json.loads(box.decrypt(sealed))
    except InvalidToken:
        return None
    return Session(SecretStr(plain["key"]), plain["at"], plain["id"], plain.get("login"))


def _key(account: str, name: str) -> str:
    return f"revio:{account}:soap:{name}"
