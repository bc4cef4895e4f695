"""`revio history follow` outlives an outage of Redis, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, RedisError

from cli.history.history import _Follower


class Refused(_Follower):
    error: RedisError

    def catch_up(self) -> bool:
        raise self.error


def follower(error: RedisError) -> _Follower:
    nothing: Any = None
    follower = Refused(nothing, nothing, "default")
    Refused.error = error
    return follower


def test_a_redis_that_is_away_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    follower(RedisConnectionError("refused")).try_to_catch_up()
    assert "nothing is lost if it is back soon" in capsys.readouterr().err


def test_a_redis_that_refuses_the_user_ends_it_for_its_supervisor_to_see() -> None:
    with pytest.raises(NoPermissionError):
        follower(NoPermissionError("no permissions")).try_to_catch_up()
