"""Who may call: the account's credentials and the sessions made with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.contract.schema import Values, texts_at
from sandbox.vendor.habits import SessionCount, SessionLife


@dataclass(frozen=True)
class Account:
    """What a caller must know. The defaults are made up, and meant to look it."""

    username: str = "sandbox-user"
    password: str = "sandbox-password"  # noqa: S105 - made up
    client_code: str = "sandbox-client"
    subscription_key: str = "sandbox-subscription-key"

    def matches(self, request: Values) -> bool:
        """Whether the request's Credentials are this account's."""
        given = [
            texts_at(request, "Credentials", name) for name in ("Username", "Password", "Client")
        ]
        return given == [[self.username], [self.password], [self.client_code]]


class Sessions:
    """Keys that are good for `lifetime` seconds of `clock`, counted as `life` says."""

    def __init__(
        self,
        lifetime: float,
        *,
        clock: Callable[[], float],
        new_key: Callable[[], str],
        count: SessionCount = SessionCount.MANY,
        life: SessionLife = SessionLife.ABSOLUTE,
    ) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._new_key = new_key
        self._count = count
        self._life = life
        self._expiries: dict[str, float] = {}
        self.made: list[str] = []
        """Every key that there ever was."""

    def create(self) -> str:
        """By a login."""
        if self._count is SessionCount.ONE:
            self._expiries.clear()
        return self.add()

    def add(self) -> str:
        """Open another session."""
        key = self._new_key()
        self.made.append(key)
        self._expiries[key] = self._clock() + self._lifetime
        return key

    def valid(self, key: str) -> bool:
        """Whether it lives; to ask is to use it."""
        lives = self._expiries.get(key, 0) > self._clock()
        if lives and self._life is SessionLife.SLIDING:
            self._expiries[key] = self._clock() + self._lifetime
        return lives

    def destroy(self, key: str) -> None:
        self._expiries.pop(key, None)

    def expire_all(self) -> int:
        """Ends every session; the number of those ended."""
        ended = len(self._expiries)
        self._expiries.clear()
        return ended
