"""How it is logged that Redis refuses: as a warning if that passes, else as what needs a person."""

from __future__ import annotations

import structlog
from redis.exceptions import RedisError

from revio_jobs.redis_faults import Remedy, fault_of, remedy_of
from worker.redis_kit.redis_memory import MAKE_ROOM, is_full

_log = structlog.get_logger(__name__)

CHECK_ITS_DISK = "look at Redis's log, its disk and its memory"
GIVE_RIGHTS = "give its user the rights that deploy/redis/users.acl has for this part"
_FIXES = {
    "MISCONF": CHECK_ITS_DISK,
    "NOPERM": GIVE_RIGHTS,
    "WRONGPASS": "put the right user and password into REVIO_REDIS_URL",
    "CROSSSLOT": "name a server that is not a node of a cluster in REVIO_REDIS_URL",
}
_DEFECT = "report it: what Redis holds, or a script of ours, is not as it should be"


def log_refusal(event: str, error: BaseException) -> None:
    """Log `event` with the reason, or `redis_is_full`.

    Its level is error if Redis answers and will answer the same until somebody changes something.
    """
    if is_full(error):
        # `mend` is an older name of `fix`.
        _log.error("redis_is_full", fix=MAKE_ROOM, mend=MAKE_ROOM)
    elif _is_by_redis(error) and remedy_of(error) in {Remedy.FIX, None}:
        fault = fault_of(error)
        fix = _FIXES.get(fault.word, fault.meaning) if fault else _DEFECT
        _log.error(event, reason=str(error), fix=fix)
    else:
        _log.warning(event, reason=str(error))


def _is_by_redis(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, RedisError):
            return True
        error = error.__cause__
    return False
