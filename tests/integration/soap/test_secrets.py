"""Whatever happens, and however much is logged, no secret and no whole message shows."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Iterator
from decimal import Decimal

import pytest
import structlog
from cryptography.fernet import Fernet
from pydantic import SecretStr
from redis import Redis

from revio_jobs.errors import RevioError
from sandbox import RunningSandbox, running
from sandbox.faults.catalogue import FAULTS
from tasks.ports import Change, Filters, PartlyReadable, Purpose, SpoiltAnswer
from tests.integration.soap.accounts import (
    ACCOUNT,
    RecordingPermits,
    call,
    gateway,
    log_in,
    nothing,
)
from worker.soap import RedisSessionStore, RevioGateway

MARKUP = ("<soap", "Envelope", "<CustomerProducts_", "<Credentials", "<SessionKey")


@pytest.fixture(scope="module")
def box() -> Iterator[RunningSandbox]:
    with running(customers=40, calls_per_minute=0) as started:
        yield started


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    caplog.set_level(logging.DEBUG)
    for name in ("zeep", "zeep.transports", "zeep.xsd", "urllib3", "http.client", "redis"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def misadventures(box: RunningSandbox, opened: RevioGateway) -> Iterator[Exception]:
    """What every fault makes of a query and of an update."""
    for fault in FAULTS:
        for purpose in (Purpose.QUERY, Purpose.UPDATE, Purpose.SESSION):
            box.reset()
            name = "Sessions_Create" if purpose is Purpose.SESSION else None
            box.fault(fault, operation=name or f"CustomerProducts_{purpose.value.capitalize()}")
            if purpose is Purpose.SESSION:
                box.expire_sessions()
            try:
                if purpose is Purpose.UPDATE:
                    change = Change(5001, {"rate": Decimal("7.77")})
                    opened.update(change, call(purpose), nothing)
                else:
                    opened.query(Filters(ids=(5001, 5002)), call(purpose))
            except (RevioError, PartlyReadable, SpoiltAnswer) as exc:
                yield exc


def contents(redis: Redis) -> Iterator[str]:
    for key in redis.scan_iter():
        kind = redis.type(key)
        value = redis.zrange(key, 0, -1) if kind == b"zset" else redis.get(key)
        yield f"{key!r} {value!r}"


def test_no_secret_shows_anywhere(
    box: RunningSandbox,
    redis_url: str,
    everything_logged: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    seen: list[str] = []
    keys: set[str] = set()
    permits = RecordingPermits()
    with Redis.from_url(redis_url) as redis:
        store = RedisSessionStore(redis, SecretStr(Fernet.generate_key().decode()))
        with gateway(box, permits, store, call_timeout_s=0.4, max_answer_bytes=2**20) as opened:
            log_in(opened)
            for error in misadventures(box, opened):
                seen += traceback.format_exception(error)
                seen += [repr(error), repr(error.args), repr(pickle.dumps(error))]
                seen += contents(redis)
                if session := store.load("default"):
                    keys.add(session.key.get_secret_value())
            seen.append(repr(opened.describe()))
        seen += contents(redis)
    seen += [
        f"{record.getMessage()} {vars(record)} {everything_logged.handler.format(record)}"
        for record in everything_logged.records
    ]
    seen += [repr(permits.pauses), *capfd.readouterr()]

    assert len(keys) > 1
    secrets = {ACCOUNT.password, ACCOUNT.subscription_key, *keys}
    leaks = {text for text in seen for secret in secrets if secret in text}
    assert not leaks
    assert not {text for text in seen for markup in MARKUP if markup in text}
