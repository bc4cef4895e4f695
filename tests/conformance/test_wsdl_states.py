"""One suite for the WSDL's state in memory and on Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from revio_jobs.errors import Unavailable
from tests.patience import PATIENCE_S
from worker.soap import MemoryWsdlStates, RedisWsdlStates
from worker.soap.wsdl.state import WsdlState, WsdlStates

STATE = WsdlState("abc", {"update Rate": "optional decimal"}, 1_800_000_000.5, is_proven=False)


@pytest.fixture(params=["memory", "redis"])
def states(request: pytest.FixtureRequest) -> Iterator[WsdlStates]:
    if request.param == "memory":
        yield MemoryWsdlStates()
        return
    with Redis.from_url(request.getfixturevalue("redis_url")) as redis:
        yield RedisWsdlStates(redis)


def test_a_state_is_found_again_by_its_account(states: WsdlStates) -> None:
    assert states.load("a") is None
    states.save("a", STATE)
    assert states.load("a") == STATE
    assert states.load("b") is None


def test_one_claims_it_until_it_is_released(states: WsdlStates) -> None:
    assert states.claim("a", "check", 60)
    assert not states.claim("a", "check", 60)
    assert states.claim("a", "proof", 60)
    assert states.claim("b", "check", 60)
    states.release("a", "check")
    assert states.claim("a", "check", 60)


def test_a_claim_ends_by_itself(states: WsdlStates) -> None:
    assert states.claim("a", "check", 0.001)
    until = time.monotonic() + PATIENCE_S
    while not states.claim("a", "check", 60):
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_redis_that_is_silent_is_unavailable() -> None:
    with (
        Redis(port=1, retry=Retry(NoBackoff(), 0)) as redis,
        pytest.raises(Unavailable, match="WSDL"),
    ):
        RedisWsdlStates(redis).load("a")
