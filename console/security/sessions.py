"""Sessions: a signed cookie names one, Redis holds who it belongs to and when it ends."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from itsdangerous import BadSignature, Signer
from redis import Redis

from revio_jobs.key_prefix import key_prefix_of

_PREFIX = "revio:console:session:"
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """When a session ends, in seconds."""

    idle_s: int
    absolute_s: int


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's, of one browser."""

    token: str
    name: str
    source: str
    csrf: str
    """What each form of the session carries."""
    ends_at: float
    """Unix time, seconds: the absolute end."""
    roles: tuple[str, ...] = ()
    """As a provider vouched for at its beginning; those of local users stand in their file."""
    proof: str = ""
    """Of a local user: the `User.stamp` of the password that was given."""


class SessionStore:
    """In Redis, so that a restart of the console signs nobody out. Methods raise RedisError."""

    def __init__(
        self,
        redis: Redis,
        secret: str,
        limits: SessionLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._signer = Signer(secret, salt="revio.console.session", digest_method=hashlib.sha256)
        self._limits = limits
        self._clock = clock

    def begin(
        self, name: str, source: str, roles: tuple[str, ...] = (), proof: str = ""
    ) -> Session:
        """Starts a new session; the browser's earlier one is not reused."""
        session = Session(
            secrets.token_urlsafe(_TOKEN_BYTES),
            name,
            source,
            secrets.token_urlsafe(_TOKEN_BYTES),
            self._clock() + self._limits.absolute_s,
            roles,
            proof,
        )
        document = {key: value for key, value in asdict(session).items() if key != "token"}
        self._redis.set(_key(session.token), json.dumps(document), ex=self._limits.idle_s)
        return session

    def cookie(self, session: Session) -> str:
        """The cookie's value: the token and its signature."""
        return self.signed(session.token)

    def signed(self, token: str) -> str:
        """As cookies carry a token."""
        return self._signer.sign(token).decode()

    def resume(self, cookie: str) -> Session | None:
        """The session of a cookie, kept for another idle time; None if it has ended."""
        try:
            token = self._signer.unsign(cookie).decode()
        except (BadSignature, UnicodeError):
            return None
        key = _key(token)
        stored = self._redis.get(key)
        if not stored:
            return None
        document = json.loads(stored)
        session = Session(token, **{**document, "roles": tuple(document["roles"])})
        left_s = session.ends_at - self._clock()
        if left_s <= 0:
            self._redis.delete(key)
            return None
        self._redis.expire(key, max(int(min(left_s, self._limits.idle_s)), 1))
        return session

    def goes_on(self, session: Session) -> bool:
        """Whether it has not ended; unlike `resume` it does not keep it alive."""
        return self._clock() < session.ends_at and bool(self._redis.exists(_key(session.token)))

    def end(self, session: Session) -> None:
        """For good, whoever still has the cookie."""
        self._redis.delete(_key(session.token))


def end_sessions(redis: Redis, name: str) -> int:
    """End all of a person's; returns how many. Raises RedisError."""
    ended, prefix = 0, key_prefix_of(redis.connection_pool)
    for found in redis.scan_iter(f"{_PREFIX}*", count=1000):
        key = prefix.strip(found.decode())
        stored: Any = redis.get(key)
        if stored and json.loads(stored)["name"].casefold() == name.casefold():
            ended += int(bool(redis.delete(key)))
    return ended


def _key(token: str) -> str:
    """Redis does not hold what would let its reader sign in."""
    return _PREFIX + hashlib.sha256(token.encode()).hexdigest()
