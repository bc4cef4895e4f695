"""Threads that share round trips: each hears just what it asked for, whatever happens to others."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import DataError, RedisError, ResponseError
from redis.exceptions import TimeoutError as NoAnswer

from revio_jobs.connection import connect_redis
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis
from tests.patience import PATIENCE_S, wait_until
from worker.redis_kit.auto_pipeline import AutoPipeline, Escort, shared_redis

THREADS = 24
ECHO = "redis.call('RPUSH', KEYS[1], ARGV[1]) return ARGV[1]"
REFUSE = "return redis.error_reply('REFUSED ' .. ARGV[1])"


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with connect_redis(redis_url, kind=AutoPipeline, timeout_s=PATIENCE_S) as redis:
        yield redis


@pytest.fixture
def server() -> Iterator[EmbeddedRedis]:
    """One that may be harmed."""
    with embedded_redis() as server:
        yield server


@contextmanager
def frozen(server: EmbeddedRedis) -> Iterator[None]:
    """Redis answers nothing meanwhile."""
    assert server.pid
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if server.pid:
            os.kill(server.pid, signal.SIGCONT)


def patient(server: EmbeddedRedis) -> Any:
    """A client that waits for Redis for as long as a test does."""
    return connect_redis(server.url, kind=AutoPipeline, timeout_s=PATIENCE_S)


def asked_in_turn(
    redis: Any, threads: ThreadPoolExecutor, ask: Callable[[object], str], count: int
) -> Iterator[Future[str]]:
    """Of a Redis that does not answer: the first is under way, the others wait behind it."""
    for number in range(count):
        yield threads.submit(ask, number)
        wait_until(partial(_waits, redis, number))


def _waits(redis: Any, behind: int) -> bool:
    return bool(redis._is_busy and len(redis._asked) == behind)


def answered(ask: Callable[[object], str], value: str) -> str:
    """On a busy machine Redis may be late once more."""
    while True:
        with suppress(NoAnswer):
            return ask(value)


def echo(redis: Redis) -> Callable[[object], str]:
    script = redis.register_script(ECHO)
    return lambda value: str(script(keys=["log"], args=[value]).decode())


def cut_scripts_off(redis: Redis) -> None:
    """Redis closes the connections over which scripts were called last."""
    cut_off = [client["addr"] for client in redis.client_list() if client["cmd"] == "evalsha"]
    assert cut_off
    for key in cut_off:
        redis.client_kill(key)


def error_of(asked: Future[str]) -> BaseException | None:
    return asked.exception(timeout=PATIENCE_S)


def test_escorts_of_many_threads_leave_around_their_scripts(redis: Any) -> None:
    ask, note = echo(redis), redis.register_script(ECHO)

    def ask_often(thread: int) -> list[Any]:
        answers: list[Any] = []
        for number in range(100):
            ahead, mine, behind = (f"{thread}.{number}.{place}" for place in "abc")
            redis.send_ahead(first := Escort(note, ["log"], [ahead]))
            redis.send_behind(last := Escort(note, ["log"], [behind]))
            answers.append((ask(mine), first.answer, last.answer))
            assert answers[-1] == (mine, ahead.encode(), behind.encode())
        return answers

    ask(0)  # the script is at Redis from then on
    before = redis.exchanges
    with ThreadPoolExecutor(8) as threads:
        assert sum(map(len, threads.map(ask_often, range(8)))) == 800
    assert redis.exchanges - before <= 800
    log = [value.decode() for value in redis.lrange("log", 1, -1)]
    for at, value in enumerate(log):
        if value.endswith("a"):
            assert log[at : at + 3] == [value[:-1] + place for place in "abc"]


def test_an_escort_whose_exchange_fails_is_not_answered(server: EmbeddedRedis) -> None:
    with connect_redis(server.url, kind=AutoPipeline, timeout_s=PATIENCE_S) as redis:
        ask, note = echo(redis), redis.register_script(ECHO)
        ask("a")
        server.kill()
        redis.send_behind(escort := Escort(note, ["log"], ["b"]))  # type: ignore[attr-defined]
        with pytest.raises(RedisError):
            ask("c")
        assert isinstance(escort.answer, RedisError)


def test_each_of_many_threads_gets_its_own_answers(redis: Redis) -> None:
    ask, refuse, each = echo(redis), redis.register_script(REFUSE), 150

    def ask_often(thread: int) -> None:
        for number in range(each):
            text = f"{thread}:{number}" * (number % 7)
            if number % 5 == 0:
                with pytest.raises(ResponseError, match=f"^REFUSED {text}$"):
                    refuse(args=[text])
            elif number % 5 == 1:
                with pytest.raises(DataError):
                    ask({"no": "argument"})
            else:
                assert ask(text) == text

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(ask_often, range(THREADS)))
    assert redis.llen("log") == THREADS * each * 3 // 5


def test_what_is_asked_meanwhile_leaves_together_in_its_order(server: EmbeddedRedis) -> None:
    with patient(server) as redis, ThreadPoolExecutor(50) as threads:
        ask = echo(redis)
        ask("known")
        before = redis.exchanges
        with frozen(server):
            asked = list(asked_in_turn(redis, threads, ask, 50))
        assert [job.result(PATIENCE_S) for job in asked] == [str(number) for number in range(50)]
        assert redis.exchanges - before == 2  # the first, and the others together
        assert redis.lrange("log", 1, -1) == [str(number).encode() for number in range(50)]
        assert len(redis.client_list()) == 2


def test_when_redis_dies_all_hear_of_it_and_ask_the_next_one(server: EmbeddedRedis) -> None:
    with patient(server) as redis, ThreadPoolExecutor(10) as threads:
        ask = echo(redis)
        ask("known")
        with frozen(server):
            asked = list(asked_in_turn(redis, threads, ask, 10))
            server.kill()
        assert {type(error_of(job)) for job in asked} == {NoConnection}
        server.start()
        assert [ask(number) for number in range(3)] == ["0", "1", "2"]


def test_a_lost_connection_is_noticed_before_it_is_used(redis: Redis, redis_url: str) -> None:
    ask = echo(redis)
    with Redis.from_url(redis_url) as admin:
        for number in range(20):
            assert ask(number) == str(number)
            cut_scripts_off(admin)


@pytest.mark.parametrize(
    "error", [ValueError("I/O operation on closed file."), AttributeError("recv"), OSError("gone")]
)
def test_a_connection_that_breaks_in_any_way_is_a_lost_connection(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ask = echo(redis)
    assert ask("a") == "a"

    def broken(_: object) -> object:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("worker.redis_kit.auto_pipeline._answer", broken)
        with pytest.raises(NoConnection, match="broke"):
            ask("b")
    assert ask("c") == "c"


def test_a_late_answer_is_not_taken_for_another_one(server: EmbeddedRedis) -> None:
    with connect_redis(server.url, kind=AutoPipeline, timeout_s=0.2) as redis:
        ask = echo(redis)
        assert answered(ask, "known") == "known"
        with frozen(server), pytest.raises(NoAnswer):
            ask("late")
        assert answered(ask, "next") == "next"


def test_a_restart_in_a_quiet_hour_is_not_felt(server: EmbeddedRedis) -> None:
    with connect_redis(server.url, kind=AutoPipeline) as redis:
        ask = echo(redis)
        ask("before")
        server.restart()
        time.sleep(1.1)
        assert ask("after") == "after"


def test_nobody_waits_for_ever_while_redis_comes_and_goes(server: EmbeddedRedis) -> None:
    ended = threading.Event()
    with connect_redis(server.url, kind=AutoPipeline, timeout_s=0.5) as redis:
        ask = echo(redis)

        answers, errors = [0] * THREADS, [0] * THREADS

        def ask_on(thread: int) -> None:
            while not ended.is_set():
                text = f"{thread}:{answers[thread]}:{errors[thread]}"
                try:
                    assert ask(text) == text
                    answers[thread] += 1
                except RedisError:
                    errors[thread] += 1

        def all_have(counts: list[int], more_than: int) -> bool:
            return min(counts) > more_than or any(thread.done() for thread in running)

        with ThreadPoolExecutor(THREADS) as threads:
            running = [threads.submit(ask_on, number) for number in range(THREADS)]
            try:
                for turn in range(4):
                    wait_until(partial(all_have, answers, turn))
                    server.kill()
                    wait_until(partial(all_have, errors, turn))
                    server.start()
                wait_until(partial(all_have, answers, 4))
            finally:
                ended.set()
            for thread in running:
                thread.result(PATIENCE_S)


def test_a_process_has_one_client_for_a_redis(redis_url: str) -> None:
    assert shared_redis(redis_url, "mymaster") is shared_redis(redis_url, "mymaster")
    assert isinstance(shared_redis(redis_url, "mymaster"), AutoPipeline)
