"""Parses a Redis URL, once for all kinds of connections. No I/O.

Producers, workers, Celery, Flower and the command line all make their connections from it, so a URL
means the same to each, and what one of them cannot honour, all refuse with the same message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from revio_jobs.cluster_check import NO_CLUSTER
from revio_jobs.key_prefix import OPTION
from revio_jobs.redis_url_options import (
    CONNECTION_OPTIONS,
    PLACE_OPTIONS,
    POOL_OPTIONS,
    PROTOCOL_OPTION,
    SENTINEL_OPTIONS,
    TCP_OPTIONS,
    TLS_OPTIONS,
    Reader,
)

FORMS = "redis://, rediss://, valkey://, valkeys://, unix://, redis+socket://, sentinel:// or sentinels://"

_PORT = 6379
_SENTINEL_PORT = 26379
_TCP = {"redis": False, "valkey": False, "rediss": True, "valkeys": True}
"""Whether the scheme means TLS."""
# Celery's backend is given the last of them: it has taken the rest of the scheme for its own name.
_UNIX = frozenset({"unix", "redis+socket", "socket"})
_SENTINEL = {"sentinel": False, "sentinels": True}
"""Whether the scheme means TLS, to the sentinels and to the master."""
_MASTERS = (
    "the master's user, password and database are those of the first address; repeat them in the "
    "others, or leave them out there"
)
_CLUSTER = frozenset({"redis+cluster", "rediss+cluster", "valkey+cluster", "valkeys+cluster"})


class RedisUrlError(ValueError):
    """The URL cannot be honoured. The text says why and never repeats a password."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One server, or the sentinels that know it."""

    host: str = ""
    port: int = _PORT
    path: str = ""
    """The path of a unix socket, if it is one."""
    sentinels: tuple[tuple[str, int], ...] = ()
    """Hosts and ports; then `host` is empty."""
    db: int = 0
    key_prefix: str = ""
    """Before each key: installations with different ones share a database."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    uses_tls: bool = False
    connection: Mapping[str, Any] = field(default_factory=dict)
    """redis-py's options of each connection."""
    pool: Mapping[str, Any] = field(default_factory=dict)
    """redis-py's options of the pool."""
    tls: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """redis-py's options of TLS, verifying unless the URL says otherwise."""
    sentinel_login: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Credentials of the sentinels themselves: `username`, `password`."""


def parse_redis_url(url: str) -> RedisAddress:
    """Raises RedisUrlError if any part of the URL cannot be honoured."""
    parts = [_split(part) for part in url.strip().split(";")]
    schemes = {part.scheme for part in parts}
    if schemes & _CLUSTER:
        raise RedisUrlError(NO_CLUSTER)
    if len(schemes) > 1 or not schemes <= {*_TCP, *_UNIX, *_SENTINEL}:
        raise RedisUrlError(f"must begin with {FORMS}")
    [scheme] = schemes
    if len(parts) > 1 and scheme not in _SENTINEL:
        raise RedisUrlError("only sentinel:// takes several addresses separated by ';'")
    if scheme in _UNIX:
        return _unix(parts[0])
    return _sentinel(parts) if scheme in _SENTINEL else _tcp(parts[0])


def _tcp(part: SplitResult) -> RedisAddress:
    uses_tls = _TCP[part.scheme]
    known = {**CONNECTION_OPTIONS, **PROTOCOL_OPTION, **TCP_OPTIONS}
    options = _read([part], known, uses_tls=uses_tls)
    return RedisAddress(
        host=_host(part),
        port=part.port or _PORT,
        db=_database(part, options),
        key_prefix=options.get(OPTION, ""),
        **_login(part),
        uses_tls=uses_tls,
        connection=_only(options, known),
        pool=_only(options, POOL_OPTIONS),
        tls=_tls(options) if uses_tls else {},
    )


def _unix(part: SplitResult) -> RedisAddress:
    if part.hostname or not part.path.strip("/"):
        raise RedisUrlError("a unix socket's path must be absolute, as in unix:///run/redis.sock")
    known = {**CONNECTION_OPTIONS, **PROTOCOL_OPTION}
    options = _read([part], known)
    return RedisAddress(
        path=unquote(part.path),
        db=_named_database(options) or 0,
        key_prefix=options.get(OPTION, ""),
        **_login(part),
        connection=_only(options, known),
        pool=_only(options, POOL_OPTIONS),
    )


def _sentinel(parts: list[SplitResult]) -> RedisAddress:
    first = parts[0]
    uses_tls = _SENTINEL[first.scheme]
    known = {**CONNECTION_OPTIONS, **TCP_OPTIONS}
    # Celery's form has the query behind the last address.
    options = _read(parts, {**known, **SENTINEL_OPTIONS}, uses_tls=uses_tls)
    login = {
        name.removeprefix("sentinel_"): options[name]
        for name in SENTINEL_OPTIONS
        if name in options
    }
    db, masters_login = _database(first, options), _login(first)
    if any(_names_another(part, db, masters_login) for part in parts[1:]):
        raise RedisUrlError(_MASTERS)
    return RedisAddress(
        sentinels=tuple((_host(part), part.port or _SENTINEL_PORT) for part in parts),
        db=db,
        key_prefix=options.get(OPTION, ""),
        **masters_login,
        uses_tls=uses_tls,
        connection=_only(options, known),
        pool=_only(options, POOL_OPTIONS),
        tls=_tls(options) if uses_tls else {},
        sentinel_login=MappingProxyType(login),
    )


def _names_another(part: SplitResult, db: int, login: Mapping[str, Any]) -> bool:
    has_login = part.username is not None or part.password is not None
    has_database = bool(part.path.strip("/"))
    return (has_login and _login(part) != login) or (has_database and _database(part, {}) != db)


def _split(text: str) -> SplitResult:
    if "#" in text:
        raise RedisUrlError("holds a '#'; in a user or password write it as %23")
    try:
        part = urlsplit(text.strip())
        is_address = part.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        problem = "is not an address (look at the host and the port; in a user or password write"
        raise RedisUrlError(f"{problem} '/', '?' and ';' as %2F, %3F and %3B)")
    return part


def _host(part: SplitResult) -> str:
    if not part.hostname:
        form = "redis://[user:password@]host[:port][/database]"
        raise RedisUrlError(f"names no host; the form is {form}")
    return part.hostname


def _login(part: SplitResult) -> dict[str, Any]:
    return {
        "username": unquote(part.username) if part.username else None,
        "password": unquote(part.password) if part.password else None,
    }


def _database(part: SplitResult, options: Mapping[str, Any]) -> int:
    path = part.path.strip("/")
    if path and not (path.isascii() and path.isdigit()):
        raise RedisUrlError(
            "the database after the host must be a number, as in redis://host:6379/0"
        )
    named = _named_database(options)
    if path and named is not None and int(path) != named:
        raise RedisUrlError("names two databases, one after the host and one as an option")
    return int(path) if path else (named or 0)


def _named_database(options: Mapping[str, Any]) -> int | None:
    named = {options[name] for name in ("db", "virtual_host") if name in options}
    if len(named) > 1:
        raise RedisUrlError("names two databases, by db and by virtual_host")
    return named.pop() if named else None


def _read(
    parts: Sequence[SplitResult], known: Mapping[str, Reader], *, uses_tls: bool = False
) -> dict[str, Any]:
    if any("+" in part.query for part in parts):
        raise RedisUrlError(
            "holds a '+' in an option, which some read as a blank: write %2B for it, or %20 for a "
            "blank"
        )
    given = [pair for part in parts for pair in parse_qsl(part.query, keep_blank_values=True)]
    if not uses_tls and any(name.startswith("ssl_") for name, _ in given):
        raise RedisUrlError("ssl_ options need rediss://, valkeys:// or sentinels://")
    readers = {**known, **POOL_OPTIONS, **PLACE_OPTIONS, **(TLS_OPTIONS if uses_tls else {})}
    options: dict[str, Any] = {}
    for name, text in given:
        if name not in readers:
            allowed = ", ".join(sorted(readers))
            raise RedisUrlError(
                f"has an option {name!r} that cannot be honoured; allowed are {allowed}"
            )
        try:
            value = readers[name](text)
        except (ValueError, KeyError):
            raise RedisUrlError(f"has a value for {name} that is not allowed") from None
        if options.setdefault(name, value) != value:
            raise RedisUrlError(f"has the option {name} twice, with different values")
    return options


def _only(options: Mapping[str, Any], names: Mapping[str, Reader]) -> Mapping[str, Any]:
    return MappingProxyType({name: options[name] for name in names if name in options})


def _tls(options: Mapping[str, Any]) -> Mapping[str, Any]:
    reqs = options.get("ssl_cert_reqs", "required")
    if reqs == "none" and options.get("ssl_check_hostname"):
        # redis-py leaves the name unchecked then.
        raise RedisUrlError("ssl_check_hostname=yes needs ssl_cert_reqs=required or optional")
    if "ssl_certfile" not in options and {"ssl_keyfile", "ssl_password"} & options.keys():
        raise RedisUrlError("ssl_keyfile and ssl_password need ssl_certfile")
    # redis-py's own default for the name has changed between its versions.
    verified = {"ssl_cert_reqs": reqs, "ssl_check_hostname": reqs == "required"}
    return MappingProxyType({**verified, **_only(options, TLS_OPTIONS)})
