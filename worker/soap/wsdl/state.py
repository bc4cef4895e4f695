"""Which WSDL an account's processes use: shared in Redis, so that one of them checks for all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from redis import Redis

from worker.redis_kit.scripts import fail_closed


@dataclass(frozen=True, slots=True)
class WsdlState:
    """The last WSDL that was read."""

    sha256: str
    facts: Mapping[str, str]
    """What it says about each thing that we use; see description.facts."""
    checked_at: float
    """Unix time, seconds."""
    is_proven: bool = True
    """False if it has changed and no update has been read back since."""


class WsdlStates(Protocol):
    """Raises Unavailable if it cannot be asked."""

    def load(self, account: str) -> WsdlState | None: ...

    def save(self, account: str, state: WsdlState) -> None: ...

    def claim(self, account: str, what: str, seconds: float) -> bool:
        """Whether the caller is to do this; for that long no other process is."""

    def release(self, account: str, what: str) -> None:
        """Let another process do it."""


class MemoryWsdlStates:
    """For one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[str, WsdlState] = {}
        self._claims: dict[tuple[str, str], float] = {}

    def load(self, account: str) -> WsdlState | None:
        return self._states.get(account)

    def save(self, account: str, state: WsdlState) -> None:
        self._states[account] = state

    def claim(self, account: str, what: str, seconds: float) -> bool:
        now = self._clock()
        if self._claims.get((account, what), now) > now:
            return False
        self._claims[account, what] = now + seconds
        return True

    def release(self, account: str, what: str) -> None:
        self._claims.pop((account, what), None)


class RedisWsdlStates:
    """For all processes on one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    def load(self, account: str) -> WsdlState | None:
        with fail_closed("the WSDL's state"):
            stored = self._redis.get(_key(account, "wsdl"))
        return WsdlState(**json.loads(stored)) if stored else None

    def save(self, account: str, state: WsdlState) -> None:
        with fail_closed("the WSDL's state"):
            self._redis.set(_key(account, "wsdl"), json.dumps(asdict(state)))

    def claim(self, account: str, what: str, seconds: float) -> bool:
        with fail_closed("the WSDL's state"):
            key = _key(account, f"wsdl:{what}")
            return bool(self._redis.set(key, "1", nx=True, px=max(int(seconds * 1000), 1)))

    def release(self, account: str, what: str) -> None:
        with fail_closed("the WSDL's state"):
            self._redis.delete(_key(account, f"wsdl:{what}"))


def _key(account: str, name: str) -> str:
    return f"revio:{account}:soap:{name}"
