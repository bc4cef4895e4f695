"""Sessions of the console and the limit on signing in, on a real Redis."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from console.security.login_limit import LoginLimit
from console.security.sessions import SessionLimits, SessionStore

SECRET = Fernet.generate_key().decode()
NOW = 1_000_000.0


@pytest.fixture
def redis(redis_url: str) -> Redis:
    return Redis.from_url(redis_url)


def store(redis: Redis, now: float = NOW, secret: str = SECRET) -> SessionStore:
    return SessionStore(redis, secret, SessionLimits(idle_s=60, absolute_s=3600), lambda: now)


def test_a_session_outlives_a_restart_of_the_console(redis: Redis) -> None:
    session = store(redis).begin("ann", "local")
    cookie = store(redis).cookie(session)
    assert store(redis, NOW + 30).resume(cookie) == session


def test_it_ends_when_idle_at_its_absolute_end_and_when_somebody_ends_it(redis: Redis) -> None:
    idle, old, left = (store(redis).begin("ann", "local") for _ in range(3))
    keys = redis.keys("revio:console:session:*")
    assert len(keys) == 3
    assert all(0 < int(redis.ttl(key)) <= 60 for key in keys)

    assert store(redis, NOW + 3601).resume(store(redis).cookie(old)) is None
    store(redis).end(left)
    assert store(redis).resume(store(redis).cookie(left)) is None
    assert store(redis, NOW + 3570).resume(store(redis).cookie(idle)) == idle
    [left_s] = [int(redis.ttl(key)) for key in redis.keys("revio:console:session:*")]
    assert 0 < left_s <= 30  # not a minute


def test_a_cookie_that_was_not_signed_here_names_nothing(redis: Redis) -> None:
    session = store(redis).begin("ann", "local")
    cookie = store(redis).cookie(session)
    other = Fernet.generate_key().decode()
    for forged in (session.token, cookie[:-1], "", "ü", store(redis, secret=other).cookie(session)):
        assert store(redis).resume(forged) is None


def test_redis_does_not_hold_what_signs_somebody_in(redis: Redis) -> None:
    session = store(redis).begin("ann", "local")
    (key,) = redis.keys("revio:console:session:*")
    assert session.token.encode() not in key + redis.get(key)


def test_tries_to_sign_in_are_limited_by_name_and_by_address(redis: Redis) -> None:
    limit = LoginLimit(redis)
    assert [limit.wait_s("ann", "10.0.0.1") for _ in range(10)] == [0] * 10
    assert 0 < limit.wait_s("ANN", "10.0.0.2") <= 900

    limit.forget("ann", "10.0.0.2")
    assert limit.wait_s("ann", "10.0.0.2") == 0

    waits = [limit.wait_s(f"name{n}", "10.0.0.3") for n in range(51)]
    assert waits[:50] == [0] * 50
    assert waits[50] > 0
