"""Whatever the vendor does, no secret of ours shows: in no log at DEBUG, in Redis or in Flower."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.request import ProxyHandler, build_opener

from cryptography.fernet import Fernet
from redis import Redis

from cli.dev.stack import Stack, local_stack
from revio_jobs import RevioJobs
from sandbox import Account
from tests.patience import PATIENCE_S

QUEUES = ("revio.default.interactive",)
ENVIRONMENT = {
    "REVIO_ACCOUNTS__DEFAULT__CALLS_PER_MINUTE": "60000",
    "REVIO_ACCOUNTS__DEFAULT__CALL_TIMEOUT_S": "1",
    "REVIO_ACCOUNTS__DEFAULT__CONNECT_TIMEOUT_S": "1",
    "REVIO_ACCOUNTS__DEFAULT__EXECUTION_S": "1",
    "REVIO_MAX_PERMIT_WAIT_S": "1",
    "REVIO_LEASE_S": "12",
    "REVIO_LOG_LEVEL": "DEBUG",
}
OPERATIONS = ("CustomerProducts_Update", "CustomerProducts_Query")
# Their answers take minutes or 64 MiB; what they show is shown by their like.
SLOW = {"endless-body", "huge-body", "drip"}


def meet_every_fault(stack: Stack, jobs: RevioJobs, redis: Redis) -> None:
    for number, fault in enumerate(sorted(set(stack.sandbox.faults()) - SLOW)):
        for operation in OPERATIONS:
            stack.sandbox.fault(fault, next=1, operation=operation)
        # Some of them make the account rest; the others would have to wait for that.
        redis.delete("revio:default:calls:state")
        jobs.update(id=5001 + number, rate="7.77")
        jobs.query(ids=[5001 + number])
        time.sleep(0.4)
    redis.delete("revio:default:calls:state")
    stack.sandbox.clear_faults()
    time.sleep(5)


def everything_in(redis: Redis) -> Iterator[str]:
    for key in redis.scan_iter():
        yield key.decode()
        match redis.type(key):
            case b"string":
                yield repr(redis.get(key))
            case b"hash":
                yield repr(redis.hgetall(key))
            case b"list":
                yield repr(redis.lrange(key, 0, -1))
            case b"zset":
                yield repr(redis.zrange(key, 0, -1))
            case b"stream":
                yield repr(redis.xrange(key))
            case b"set":
                yield repr(redis.smembers(key))


def flower_says(stack: Stack) -> str:
    with build_opener(ProxyHandler({})).open(
        f"{stack.flower_url}/api/tasks", timeout=PATIENCE_S
    ) as page:
        text: str = page.read().decode()
    return text


def session_keys(redis: Redis, encryption_key: str) -> list[str]:
    box = Fernet(encryption_key)
    found = [redis.get(key) for key in redis.scan_iter("revio:default:*session*")]
    return [box.decrypt(entry).decode() for entry in found if entry and entry.startswith(b"gAAAA")]


def test_no_secret_shows_anywhere() -> None:
    encryption_key, login = Fernet.generate_key().decode(), Account()
    with (
        local_stack(
            workers={"interactive": QUEUES},
            sandbox={"customers": 200, "calls_per_minute": 0},
            environment=ENVIRONMENT | {"REVIO_SESSION_KEY": encryption_key},
            flower=True,
        ) as stack,
        RevioJobs.connect(stack.redis.url) as jobs,
        Redis.from_url(stack.redis.url) as redis,
    ):
        meet_every_fault(stack, jobs, redis)
        places = {
            "Redis": "\n".join(everything_in(redis)),
            "Flower": flower_says(stack),
            **{name: service.output() for name, service in stack.services.items()},
        }
        sessions = session_keys(redis, encryption_key)
    assert "customer_products.update" in places["Flower"]
    assert '"level": "debug"' in places["interactive"]
    assert sessions
    secrets = [login.password, login.subscription_key, encryption_key, *sessions]
    for place, text in places.items():
        assert not [secret for secret in secrets if secret in text], place
        assert "<soap:Envelope" not in text, place
