"""Redis's error words, in every form in which redis-py and scripts pass them on."""

from __future__ import annotations

import pytest
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from revio_jobs.redis_faults import REDIS_FAULTS, Remedy, fault_of, remedy_of

# As servers of version 6.2 to 8 send them.
SERVER_SAYS = {
    "READONLY": "You can't write against a read only replica.",
    "UNBLOCKED": "force unblock from blocking operation, instance state changed (master -> "
    "replica?)",
    "MASTERDOWN": "Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "NOREPLICAS": "Not enough good replicas to write.",
    "LOADING": "Redis is loading the dataset in memory",
    "MOVED": "3999 127.0.0.1:6381",
    "CLUSTERDOWN": "The cluster is down",
    "NOAUTH": "Authentication required.",
    "NOSCRIPT": "No matching script. Please use EVAL.",
    "BUSY": "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "TRYAGAIN": "Multiple keys request during rehashing of slot",
    "OOM": "command not allowed when used memory > 'maxmemory'.",
    "MISCONF": "Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk.",
    "WRONGPASS": "invalid username-password pair or user is disabled.",
    "NOPERM": "this user has no permissions to run the 'info' command",
    "CROSSSLOT": "Keys in request don't hash to the same slot",
}
IN_A_SCRIPT = sorted(
    SERVER_SAYS.keys() & {"READONLY", "MASTERDOWN", "NOREPLICAS", "OOM", "MISCONF"}
)


def raised(reply: str) -> Exception:
    error: Exception = BaseParser.parse_error(reply)  # type: ignore[no-untyped-call]
    return error


def test_every_word_is_known_as_a_server_says_it() -> None:
    assert SERVER_SAYS.keys() == REDIS_FAULTS.keys()


@pytest.mark.parametrize("word", REDIS_FAULTS)
def test_a_word_is_known_in_what_redis_py_makes_of_it(word: str) -> None:
    assert fault_of(raised(f"{word} {SERVER_SAYS[word]}")) is REDIS_FAULTS[word]


@pytest.mark.parametrize("word", REDIS_FAULTS)
def test_a_word_is_known_in_an_error_without_a_class_of_its_own(word: str) -> None:
    assert fault_of(ResponseError(f"{word} {SERVER_SAYS[word]}")) is REDIS_FAULTS[word]


@pytest.mark.parametrize("word", IN_A_SCRIPT)
def test_a_word_is_known_behind_what_a_script_of_redis_6_says(word: str) -> None:
    reply = (
        f"ERR Error running script (call to f_0a1b): @user_script:7: -{word} {SERVER_SAYS[word]}"
    )

    assert fault_of(raised(reply)) is REDIS_FAULTS[word]


@pytest.mark.parametrize("word", IN_A_SCRIPT)
def test_a_word_is_known_in_an_error_raised_from_it(word: str) -> None:
    outer = RuntimeError("the result was not stored")
    outer.__cause__ = raised(f"{word} {SERVER_SAYS[word]}")

    assert fault_of(outer) is REDIS_FAULTS[word]


@pytest.mark.parametrize("error", [RedisConnectionError("closed"), RedisTimeoutError(), OSError()])
def test_a_lost_connection_is_made_again(error: Exception) -> None:
    assert fault_of(error) is None
    assert remedy_of(error) is Remedy.RECONNECT


@pytest.mark.parametrize(
    "error", [ResponseError("ERR wrong number of arguments"), ValueError("BUSYBODY"), KeyError("x")]
)
def test_an_error_of_the_program_has_no_remedy(error: Exception) -> None:
    assert remedy_of(error) is None
