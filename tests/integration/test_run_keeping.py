"""How long a run is kept: whole for as long as it lives, and all of it for the same time after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from campaigns.errors import NotAllowedError
from campaigns.run.state import Status
from campaigns.store import Approval
from campaigns.store.keys import AccountKeys
from sandbox.local.embedded_redis import EmbeddedRedis
from tests.integration.feeder_world import RUN, World
from tests.patience import PATIENCE_S

KEYS = f"revio:default:campaign:{RUN}:*"
ROWS = 1200


@pytest.fixture
def redis(redis_server: EmbeddedRedis) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as client:
        yield client


def kept_s(redis: Redis) -> dict[str, int]:
    """By key: -1 for one that stays."""
    return {key.decode().removeprefix(KEYS[:-1]): redis.ttl(key) for key in redis.keys(KEYS)}


def test_a_run_that_has_not_ended_does_not_expire(redis: Redis) -> None:
    world = World(redis, ROWS)
    world.store.plans.approve("june", RUN, Approval("d", "bob", world.now, "fine"))
    world.start(ROWS, start_at=world.now + 90)
    assert set(kept_s(redis).values()) == {-1}
    world.store.plans.approve("june", RUN, Approval("d2", "bob", world.now, "fine"))
    world.now += 100
    for _ in range(4):
        world.round()
    # As a run that an earlier release has begun.
    for key in redis.keys(KEYS):
        redis.expire(key, 5)
    world.round()
    world.decide("pause", Status.PAUSED)
    world.round()
    assert world.state().counts["applied"] >= 30
    assert set(kept_s(redis).values()) == {-1}


@pytest.mark.parametrize("status", [Status.DONE, Status.CANCELLED])
def test_all_of_a_run_is_kept_for_the_same_time_after_its_end(redis: Redis, status: Status) -> None:
    world = World(redis, ROWS)
    world.start(ROWS)
    if status is Status.CANCELLED:
        world.round()
        world.decide("cancel", status)
    assert world.until_it_stops().status is status
    kept = kept_s(redis)
    assert "outcomes:0" in kept
    assert ("outcomes:2" in kept) is (status is Status.DONE)
    assert all(3600 - PATIENCE_S < left <= 3600 for left in kept.values()), kept


def test_a_halted_run_stays_until_somebody_decides(redis: Redis) -> None:
    world = World(redis, 10, rejects=frozenset(range(5000, 5010)))
    world.start(10)
    assert world.until_it_stops().status is Status.HALTED
    assert set(kept_s(redis).values()) == {-1}


def test_a_plan_is_not_applied_again_when_its_run_has_been_forgotten(redis: Redis) -> None:
    world = World(redis, 5)
    world.start(5)
    world.until_it_stops()
    redis.delete(*redis.keys(KEYS))
    with pytest.raises(NotAllowedError, match=f"run {RUN} began at .* plan again"):
        world.start(5)
    assert not redis.keys(KEYS)
    assert not redis.exists("revio:default:campaigns:active")


def test_a_halted_run_is_listed_however_many_began_after_it(redis: Redis) -> None:
    world = World(redis, 10, rejects=frozenset(range(5000, 5010)))
    world.start(10)
    world.until_it_stops()
    began_at = redis.zscore(AccountKeys("default").all, RUN)
    assert began_at
    later = {f"later-{number}": began_at + number for number in range(1, 61)}
    redis.zadd(AccountKeys("default").all, later)
    assert world.store.runs(3) == ["later-60", "later-59", "later-58", RUN]
    assert [view.state.status for view in world.store.listed().views] == [Status.HALTED]
