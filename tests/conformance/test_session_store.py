"""One suite for the session store in memory and the one on Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from revio_jobs.errors import Unavailable
from tests.patience import PATIENCE_S
from worker.soap import MemorySessionStore, RedisSessionStore, Session, SessionStore

KEY = SecretStr(Fernet.generate_key().decode())
SESSION = Session(SecretStr("a-session-key"), 1_800_000_000.0)


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture(params=["memory", "redis", "redis-unshared"])
def store(request: pytest.FixtureRequest, clock: Clock) -> SessionStore:
    if request.param == "memory":
        return MemorySessionStore()
    client: Redis = request.getfixturevalue("redis")
    return RedisSessionStore(client, KEY if request.param == "redis" else None, now=clock)


def test_a_session_is_found_again(store: SessionStore) -> None:
    assert store.load("a") is None

    store.save("a", SESSION, 60)

    assert store.load("a") == SESSION
    assert store.load("b") is None


def test_a_newer_session_replaces_it(store: SessionStore) -> None:
    newer = Session(SecretStr("newer"), 1_800_000_001.0)
    store.save("a", SESSION, 60)
    store.save("a", newer, 60)

    assert store.load("a") == newer


def test_a_refused_login_is_remembered_until_it_is_forgotten(store: SessionStore) -> None:
    assert store.refused_login("a") is None

    store.remember_refused_login("a", "salt$digest")
    assert store.refused_login("a") == "salt$digest"
    assert store.refused_login("b") is None

    store.forget_refused_login("a")
    assert store.refused_login("a") is None


def test_the_last_to_leave_takes_the_session_out(store: SessionStore) -> None:
    store.save("a", SESSION, 60)
    store.join("a", "one")
    store.join("a", "two")
    store.join("b", "three")

    assert store.leave("a", "one") is None
    assert store.load("a") == SESSION
    assert store.leave("a", "two") == SESSION
    assert store.load("a") is None
    assert store.leave("a", "two") is None


def test_who_leaves_without_having_joined_takes_nothing_from_others(store: SessionStore) -> None:
    store.save("a", SESSION, 60)
    store.join("a", "one")

    assert store.leave("a", "stranger") is None
    assert store.load("a") == SESSION


def test_one_at_a_time_renews(store: SessionStore) -> None:
    inside: list[int] = []
    most: list[int] = []
    start = threading.Barrier(4, timeout=PATIENCE_S)

    def renew(number: int) -> None:
        start.wait()
        with store.renewing("a"):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(renew, range(4)))

    assert most == [1, 1, 1, 1]


def test_a_renewal_that_fails_lets_the_next_one_in(store: SessionStore) -> None:
    with pytest.raises(ValueError, match="x"), store.renewing("a"):
        raise ValueError("x")
    with store.renewing("a"):
        pass


def test_redis_holds_no_key_in_the_clear(redis: Redis) -> None:
    store = RedisSessionStore(redis, KEY)
    store.save("a", SESSION, 60)

    values = [redis.get(name) for name in redis.scan_iter()]

    assert values
    assert not any(b"a-session-key" in value for value in values)


def test_processes_with_the_same_encryption_key_share_a_session(redis: Redis) -> None:
    RedisSessionStore(redis, KEY).save("a", SESSION, 60)

    assert RedisSessionStore(redis, KEY).load("a") == SESSION


def test_without_the_encryption_key_each_process_is_on_its_own(redis: Redis) -> None:
    one, two = RedisSessionStore(redis, None), RedisSessionStore(redis, None)
    one.save("a", SESSION, 60)
    one.remember_refused_login("a", "salt$digest")

    assert two.load("a") is None
    assert two.refused_login("a") == "salt$digest"
    assert [name for name in redis.scan_iter() if b"session" in name] == []


def test_what_another_encryption_key_has_sealed_is_not_a_session(redis: Redis) -> None:
    RedisSessionStore(redis, SecretStr(Fernet.generate_key().decode())).save("a", SESSION, 60)

    assert RedisSessionStore(redis, KEY).load("a") is None


def test_a_session_does_not_outlive_its_lifetime(redis: Redis) -> None:
    RedisSessionStore(redis, KEY).save("a", SESSION, 3600)

    assert 3600 - PATIENCE_S < redis.ttl("revio:a:soap:session") <= 3600


def test_a_member_that_was_not_seen_for_long_does_not_count(redis: Redis, clock: Clock) -> None:
    store = RedisSessionStore(redis, KEY, now=clock)
    store.save("a", SESSION, 10_000)
    store.join("a", "killed")
    clock.now += 3601
    store.join("a", "living")

    assert store.leave("a", "living") == SESSION


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.load("a"),
        lambda store: store.save("a", SESSION, 60),
        lambda store: store.refused_login("a"),
        lambda store: store.remember_refused_login("a", "x"),
        lambda store: store.forget_refused_login("a"),
        lambda store: store.join("a", "one"),
        lambda store: store.leave("a", "one"),
        lambda store: store.renewing("a").__enter__(),
    ],
)
def test_a_redis_that_does_not_answer_makes_it_unavailable(
    ask: Callable[[SessionStore], object],
) -> None:
    with Redis(port=1, retry=Retry(NoBackoff(), 0)) as nobody, pytest.raises(Unavailable):
        ask(RedisSessionStore(nobody, KEY))
