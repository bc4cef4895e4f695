"""Whether jobs can be trusted to a Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from cli.doctor.check_result import CheckResult, fine, warning, wrong
from cli.exit_code import ExitCode
from cli.redis_refusal import failed_saves, way_out
from revio_jobs.cluster_check import ClusterRefusedError
from revio_jobs.redis_address import parse_redis_url
from worker.redis_kit.redis_memory import FULL, MAKE_ROOM, NEARLY_FULL
from worker.redis_kit.refusal_log import CHECK_ITS_DISK

MEMORY_CHECK = "Redis's memory"
ROLE_CHECK = "Redis's role"
_OLDEST = (6, 2)
_CLOCKS_MAY_DIFFER_S = 1.0
_WORKERS_REPLY_S = 1.0


def check_redis(redis: Redis, url: str, now: Callable[[], float] = time.time) -> list[CheckResult]:
    """`url` is shown without its password; a single finding if Redis does not answer."""
    try:
        info: Mapping[str, Any] = redis.info()
        difference_s = _difference_s(redis, now)
        # A named user seldom may, and Redis would note the refusal in its ACL LOG.
        is_named = parse_redis_url(url).username not in {None, "default"}
        appendfsync = "" if is_named else _appendfsync(redis)
    except RedisError as exc:
        return [_no_answer(exc, address(url))]
    return [
        _server(info, address(url)),
        _role(info),
        _eviction(info),
        _memory(info),
        _persistence(info, appendfsync),
        _clock(difference_s),
    ]


def redis_gone(exc: Exception, url: str) -> CheckResult:
    """What ended the checks that came after the first answer."""
    cause = exc if isinstance(exc, RedisError) else exc.__cause__
    if isinstance(cause, RedisError) and (fix := way_out(cause)):
        return wrong("Redis", f"{address(url)} refuses a check: {exc}", fix)
    says = f"{address(url)} answers no more: {exc}"
    return wrong("Redis", says, "run revio doctor again when it does", ExitCode.UNREACHABLE)


def served_queues(app: Celery) -> dict[str, list[str]]:
    """The workers that take from each queue now. Raises RedisError or kombu's errors."""
    # Of kombu's pool, which is the process's, it could get one to a Redis that has gone since.
    with app.connection_for_write() as connection:
        ask = app.control.inspect(timeout=_WORKERS_REPLY_S, connection=connection)
        replies = ask.active_queues() or {}
    served: dict[str, list[str]] = {}
    for worker, taken in replies.items():
        for queue in taken:
            served.setdefault(queue["name"], []).append(worker)
    return served


def address(url: str) -> str:
    """Host, port and database, or the socket's path: what may be shown of the URL."""
    parsed = parse_redis_url(url)
    if parsed.path:
        return f"{parsed.path}, database {parsed.db}"
    if parsed.sentinels:
        places = (f"{_place(*sentinel)}/{parsed.db}" for sentinel in parsed.sentinels)
        return f"the master of {', '.join(places)}"
    return f"{_place(parsed.host, parsed.port)}/{parsed.db}"


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _no_answer(exc: RedisError, where: str) -> CheckResult:
    if isinstance(exc, ClusterRefusedError):
        return wrong("Redis", str(exc), "name another server in REVIO_REDIS_URL")
    if fix := way_out(exc):
        return wrong("Redis", f"{where} refuses us: {exc}", fix)
    fix = "start Redis, or correct the host, port and database in REVIO_REDIS_URL"
    return wrong("Redis", f"{where} does not answer: {exc}", fix, ExitCode.UNREACHABLE)


def _difference_s(redis: Redis, now: Callable[[], float]) -> float:
    """Redis's clock less ours; the way there and back is taken as even."""
    asked = now()
    seconds, micros = redis.time()
    return float(seconds + micros / 1e6 - (asked + now()) / 2)


def _server(info: Mapping[str, Any], where: str) -> CheckResult:
    version = str(info["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        return wrong("Redis", f"{where} is version {version}", "run Redis 6.2 or newer")
    return fine("Redis", f"{where} answers, version {version}")


def _role(info: Mapping[str, Any]) -> CheckResult:
    if info["role"] != "master":
        return wrong(ROLE_CHECK, f"it is a {info['role']}", "name the primary in REVIO_REDIS_URL")
    return fine(ROLE_CHECK, "primary")


def _eviction(info: Mapping[str, Any]) -> CheckResult:
    check, policy = "Redis's eviction", str(info["maxmemory_policy"])
    if policy != "noeviction":
        return wrong(
            check,
            f"maxmemory-policy is {policy}: when memory runs short, Redis would drop jobs and "
            "idempotency keys",
            "set `maxmemory-policy noeviction` (redis.conf, or CONFIG SET), and use a Redis of "
            "our own",
        )
    return fine(check, "noeviction")


def _memory(info: Mapping[str, Any]) -> CheckResult:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not most:
        says = (
            f"{_mib(used)} used; no maxmemory is set, so that it is killed when memory runs short"
        )
        return warning(
            MEMORY_CHECK, says, "set `maxmemory`: then it refuses, and alerts come before"
        )
    says = f"{_mib(used)} used of {_mib(most)} (maxmemory)"
    if used >= most:
        return wrong(MEMORY_CHECK, f"{FULL}: {says}", MAKE_ROOM, ExitCode.UNREACHABLE)
    if used > most * NEARLY_FULL:
        return warning(MEMORY_CHECK, f"nearly full: {says}", MAKE_ROOM)
    return fine(MEMORY_CHECK, says)


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def _appendfsync(redis: Redis) -> str:
    """The setting; "" at hosters that let nobody ask."""
    try:
        return str(redis.config_get("appendfsync").get("appendfsync", ""))
    except ResponseError:
        return ""


def _persistence(info: Mapping[str, Any], appendfsync: str) -> CheckResult:
    check = "Redis's persistence"
    if failed := failed_saves(info):
        return wrong(check, f"{', '.join(failed)}: failed", CHECK_ITS_DISK)
    if not info["aof_enabled"]:
        return warning(
            check,
            "no append-only file: jobs since the last snapshot are gone when Redis restarts",
            "set `appendonly yes` and `appendfsync always`",
        )
    if appendfsync == "always":
        return fine(check, "append-only file, each write synced")
    if not appendfsync:
        return fine(check, "append-only file; whether each write is synced was not asked")
    return warning(
        check,
        f"append-only file with `appendfsync {appendfsync}`: a kill or a power cut can take "
        "accepted updates with it, and the note that one was sent, which is then executed twice",
        "set `appendfsync always` (redis.conf, or CONFIG SET)",
    )


def _clock(difference_s: float) -> CheckResult:
    says = f"Redis's clock is {abs(difference_s):.2f} s {'ahead' if difference_s > 0 else 'behind'}"
    if abs(difference_s) > _CLOCKS_MAY_DIFFER_S:
        return warning("clocks", says, "let NTP set the clocks of this machine and of Redis's")
    return fine("clocks", says)
