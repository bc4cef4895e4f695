"""Redis's error words: what each means here, and what to do about it.

redis-py gives some of them a class of their own and strips the word; a script of Redis 6.2 puts
them behind its own text, and whoever wraps an error quotes it. `fault_of` knows all these forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError


class Remedy(StrEnum):
    """What to do about an error of Redis."""

    RECONNECT = "reconnect"
    """The connection leads to the wrong server, or nowhere: drop it, resolve the name again,
    connect and repeat the command."""
    RELOAD = "reload"
    """The server does not know the script: load it there and repeat the command."""
    WAIT = "wait"
    """The server will serve again by itself: repeat the command after a pause."""
    FIX = "fix"
    """It stays until somebody changes Redis or the settings: say so, and repeat it rarely."""


@dataclass(frozen=True, slots=True)
class RedisFault:
    """One of Redis's error words."""

    word: str
    remedy: Remedy
    meaning: str
    """For operators, without a full stop."""
    phrase: str = ""
    """Text of the error by which it is known when the word has been stripped."""
    error: str = ""
    """Name of redis-py's class for it, if it has one."""


_FAULTS = (
    RedisFault(
        "READONLY",
        Remedy.RECONNECT,
        "the server is a read-only replica now: another one has become the primary",
        "write against a read only",
        "ReadOnlyError",
    ),
    RedisFault(
        "UNBLOCKED",
        Remedy.RECONNECT,
        "the server has become a replica while a command waited there",
        "instance state changed",
    ),
    RedisFault(
        "MASTERDOWN",
        Remedy.RECONNECT,
        "the server is a replica that has lost its primary",
        "Link with MASTER is down",
        "MasterDownError",
    ),
    RedisFault(
        "NOREPLICAS",
        Remedy.RECONNECT,
        "the server has lost its replicas: another one may have become the primary",
        "Not enough good replicas",
    ),
    RedisFault(
        "LOADING",
        Remedy.RECONNECT,
        "the server has just started and is loading its data",
        "loading the dataset in memory",
        "BusyLoadingError",
    ),
    RedisFault(
        "MOVED",
        Remedy.RECONNECT,
        "the server is a node of a Redis Cluster and another node has the key",
        error="MovedError",
    ),
    RedisFault(
        "CLUSTERDOWN",
        Remedy.RECONNECT,
        "the server is a node of a Redis Cluster that does not serve",
        "The cluster is down",
        "ClusterDownError",
    ),
    RedisFault(
        "NOAUTH",
        Remedy.RECONNECT,
        "the connection is not logged in",
        "Authentication required",
    ),
    RedisFault(
        "NOSCRIPT",
        Remedy.RELOAD,
        "the server does not know the script: it was restarted, or its scripts were flushed",
        "No matching script",
        "NoScriptError",
    ),
    RedisFault(
        "BUSY",
        Remedy.WAIT,
        "the server is running somebody's long script",
        "busy running a script",
    ),
    RedisFault(
        "TRYAGAIN",
        Remedy.WAIT,
        "the server is a node of a Redis Cluster that is moving keys",
        error="TryAgainError",
    ),
    RedisFault(
        "OOM",
        Remedy.FIX,
        "Redis is full: it has reached its maxmemory and refuses to write",
        "used memory > 'maxmemory'",
        "OutOfMemoryError",
    ),
    RedisFault(
        "MISCONF",
        Remedy.FIX,
        "Redis cannot save its data to disk and refuses to write",
        "unable to persist to disk",
    ),
    RedisFault(
        "WRONGPASS",
        Remedy.FIX,
        "Redis refuses the user or the password",
        "invalid username-password pair",
    ),
    RedisFault(
        "NOPERM",
        Remedy.FIX,
        "the Redis user lacks a permission",
        "has no permissions",
        "NoPermissionError",
    ),
    RedisFault(
        "CROSSSLOT",
        Remedy.FIX,
        "the server is a node of a Redis Cluster, which cannot hold the ledger",
        "don't hash to the same slot",
        "ClusterCrossSlotError",
    ),
)

REDIS_FAULTS = {fault.word: fault for fault in _FAULTS}
"""By word."""

_WORD = re.compile(rf"(?:^|[\s:]-|^ERR )({'|'.join(REDIS_FAULTS)})\b")


def fault_of(error: BaseException) -> RedisFault | None:
    """Which of Redis's error words the error, or one that it was raised from, carries."""
    for cause in _causes(error):
        if fault := _by_class(cause) or _by_text(str(cause)):
            return fault
    return None


def remedy_of(error: BaseException) -> Remedy | None:
    """What to do about the error; None if neither Redis nor the connection to it is at fault."""
    if fault := fault_of(error):
        return fault.remedy
    lost = (RedisConnectionError, RedisTimeoutError, OSError)
    return Remedy.RECONNECT if any(isinstance(cause, lost) for cause in _causes(error)) else None


def is_passing(error: BaseException) -> bool:
    """Whether the same command may succeed a little later, without anybody's help."""
    return remedy_of(error) in {Remedy.RECONNECT, Remedy.WAIT}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _by_class(error: BaseException) -> RedisFault | None:
    by_class = {fault.error: fault for fault in _FAULTS if fault.error}
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((by_class[name] for name in names if name in by_class), None)


def _by_text(text: str) -> RedisFault | None:
    if match := _WORD.search(text):
        return REDIS_FAULTS[match[1]]
    return next((fault for fault in _FAULTS if fault.phrase and fault.phrase in text), None)
