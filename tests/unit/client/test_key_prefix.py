"""What a prefix does to commands, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from revio_jobs.celery_app import producer_app
from revio_jobs.key_prefix import KeyPrefix, UnknownKeysError
from revio_jobs.redis_address import RedisUrlError, parse_redis_url

BLUE = KeyPrefix("blue:")


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (("GET", "a"), ("GET", "blue:a")),
        (("get", b"a"), ("get", b"blue:a")),
        (("HSET", "a", "field", "value"), ("HSET", "blue:a", "field", "value")),
        (("MGET", "a", "b"), ("MGET", "blue:a", "blue:b")),
        (("EVALSHA", "sha", 2, "a", "b", "c"), ("EVALSHA", "sha", 2, "blue:a", "blue:b", "c")),
        (("SCAN", 0, b"MATCH", "a*"), ("SCAN", 0, b"MATCH", "blue:a*")),
        (("MEMORY USAGE", "a"), ("MEMORY USAGE", "blue:a")),
        (("PUBLISH", "a", "b"), ("PUBLISH", "blue:a", "b")),
        (("SCRIPT LOAD", "return 1"), ("SCRIPT LOAD", "return 1")),
        (("PING",), ("PING",)),
    ],
)
def test_keys_and_nothing_else_get_the_prefix(command: Any, sent: Any) -> None:
    assert tuple(BLUE.apply(command)) == sent
    assert KeyPrefix().apply(command) is command


@pytest.mark.parametrize("command", [("KEYS", "*"), ("SCAN", 0), ("FLUSHDB",), ("SORT", "a")])
def test_a_command_that_could_reach_other_installations_is_refused(command: Any) -> None:
    with pytest.raises(UnknownKeysError):
        BLUE.apply(command)


@pytest.mark.parametrize("prefix", ["blue", "", "a b:", "*:", "x" * 64 + ":"])
def test_a_url_says_no_prefix_that_would_be_read_in_two_ways(prefix: str) -> None:
    with pytest.raises(RedisUrlError, match="key_prefix"):
        parse_redis_url(f"redis://host?key_prefix={prefix}")


def test_celery_puts_the_same_prefix_before_its_keys() -> None:
    with producer_app("sentinel://a;sentinel://b?key_prefix=blue:") as app:
        assert app.backend.get_key_for_task("id") == b"blue:celery-task-meta-id"
        assert app.conf.broker_transport_options["global_keyprefix"] == "blue:"
