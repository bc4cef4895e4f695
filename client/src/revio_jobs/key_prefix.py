"""A prefix before all keys, by which several installations share one database.

It is applied where commands leave for Redis, so code that names a key need not know of it. A
command that is not in the table is refused, rather than sent with another installation's keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

OPTION = "key_prefix"
"""Its name in a Redis URL, and as an option of connections."""

_FORM = re.compile(r"[A-Za-z0-9_.:{}-]{0,63}[:_.-]")

_NONE = """
ACL AUTH CLIENT COMMAND CONFIG DBSIZE DISCARD ECHO EXEC HELLO INFO MULTI PING QUIT ROLE SCRIPT
SELECT TIME UNWATCH WAIT
"""
_FIRST = """
EXPIRE GET GETDEL GETRANGE HDEL HEXISTS HGET HGETALL HINCRBY HKEYS HLEN HMGET HSCAN HSET HSETNX
HVALS INCR INCRBY LINDEX LLEN LPOP LPUSH LRANGE LREM PERSIST PEXPIRE PSETEX PTTL PUBLISH RPOP RPUSH
SADD SCARD SET SETEX SETNX SETRANGE SISMEMBER SMEMBERS SREM STRLEN TTL TYPE XADD XLEN XRANGE
XREVRANGE ZADD ZCARD ZCOUNT ZMSCORE ZPOPMIN ZRANGE ZRANGEBYSCORE ZRANK ZREM ZREMRANGEBYSCORE
ZREVRANGE ZREVRANGEBYSCORE ZSCAN ZSCORE
"""
_ALL = "DEL EXISTS MGET TOUCH UNLINK WATCH"

_WITHOUT_KEYS = frozenset(_NONE.split())
_FIRST_IS_KEY = frozenset({*_FIRST.split(), "MEMORY USAGE"})
_ALL_ARE_KEYS = frozenset(_ALL.split())
_SCRIPTS = frozenset({"EVAL", "EVALSHA"})


class UnknownKeysError(TypeError):
    """Which of a command's arguments are keys is not in the table."""


def check_key_prefix(text: str) -> str:
    """`text` if it can be a prefix; else ValueError."""
    # Celery adds a separator to a prefix that has none, and would look for results elsewhere.
    if not _FORM.fullmatch(text):
        raise ValueError(text)
    return text


@dataclass(frozen=True, slots=True)
class KeyPrefix:
    """Puts `text` before each key of a command; empty: leaves commands as they are."""

    text: str = ""

    def apply(self, command: Sequence[Any]) -> Sequence[Any]:
        """The command (its name and arguments) as it is to be sent. Raises UnknownKeysError."""
        if not self.text:
            return command
        name, *args = command
        return name, *self._applied(str(name).upper(), args)

    def key(self, key: Any) -> Any:  # noqa: ANN401 - text or bytes
        """The key as Redis knows it."""
        return self.text.encode() + key if isinstance(key, bytes) else f"{self.text}{key}"

    def strip(self, key: str) -> str:
        """The key as the code knows it."""
        return key.removeprefix(self.text)

    def _applied(self, name: str, args: list[Any]) -> Iterable[Any]:
        if name in _FIRST_IS_KEY:
            return self.key(args[0]), *args[1:]
        if name in _SCRIPTS:
            end = 2 + int(args[1])
            return *args[:2], *map(self.key, args[2:end]), *args[end:]
        if name in _ALL_ARE_KEYS:
            return map(self.key, args)
        if name == "SCAN":
            return self._scan(args)
        if name.partition(" ")[0] not in _WITHOUT_KEYS:
            raise UnknownKeysError(f"{name}: its keys are not known to {__name__}")
        return args

    def _scan(self, args: list[Any]) -> Iterable[Any]:
        words = [arg.upper() if isinstance(arg, str) else arg for arg in args]
        if b"MATCH" not in words and "MATCH" not in words:
            raise UnknownKeysError("SCAN without MATCH: it would find keys of other installations")
        place = 1 + words.index(b"MATCH" if b"MATCH" in words else "MATCH")
        return *args[:place], self.key(args[place]), *args[place + 1 :]


def key_prefix_of(pool: Any) -> KeyPrefix:  # noqa: ANN401 - of redis-py, for threads or a loop
    """The prefix of the pool's connections."""
    return pool.connection_kwargs.get(OPTION) or KeyPrefix()
