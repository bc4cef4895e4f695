"""A refused account, from the first refusal at the wire to the probe that opens it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from structlog.testing import capture_logs

from revio_jobs.errors import Unauthorised
from sandbox import RunningSandbox
from sandbox.local.client import running
from tasks.ports import Filters, Purpose
from tests.day_reset import in_half_a_day
from tests.integration.soap.accounts import call, gateway
from worker.limiter import LimitRules, RedisLimiter, WaitingPermits
from worker.limiter.charge import CallKeys

READ = Filters(ids=(5001,))


@pytest.fixture(scope="module")
def box() -> Iterator[RunningSandbox]:
    with running(customers=2, calls_per_minute=0) as running_box:
        yield running_box


class Place(WaitingPermits):
    """Permits of a limiter that lets a probe out when the test says so."""

    def __init__(self, redis: Redis) -> None:
        rules = LimitRules(
            calls_per_minute=500,
            calls_per_day=900,
            day_reset_hour=int(in_half_a_day()),
            account_probe_interval_s=3600.0,
        )
        super().__init__(RedisLimiter(redis, {"default": rules}), 1.0)
        self._redis = redis

    def let_probe(self) -> None:
        """The time of the next probe has come."""
        assert self._redis.hexists(CallKeys("default").state, "closed_until")
        self._redis.hset(CallKeys("default").state, "closed_until", "1")


@pytest.fixture
def permits(redis_url: str) -> Iterator[Place]:
    with Redis.from_url(redis_url) as redis:
        yield Place(redis)


@pytest.mark.parametrize("fault", ["unauthorised-401", "forbidden-403", "not-found-404"])
def test_a_refused_account_makes_no_call_but_a_probe_which_opens_it_when_it_is_accepted(
    box: RunningSandbox, permits: Place, fault: str
) -> None:
    box.reset()
    with capture_logs() as logs, gateway(box, permits) as opened:
        opened.query(READ, call(Purpose.QUERY))
        box.fault(fault, rate=1.0)
        with pytest.raises(Unauthorised) as first:
            opened.query(READ, call(Purpose.QUERY))
        calls = box.calls()["received"]
        for _ in range(3):
            with pytest.raises(Unauthorised) as later:
                opened.query(READ, call(Purpose.QUERY))
            assert later.value.args == first.value.args
        assert box.calls()["received"] == calls

        permits.let_probe()
        with pytest.raises(Unauthorised):
            opened.query(READ, call(Purpose.QUERY))
        assert box.calls()["received"] == calls + 1

        box.clear_faults()
        permits.let_probe()
        for _ in range(3):
            assert opened.query(READ, call(Purpose.QUERY))
    told = [(log["event"], log["log_level"]) for log in logs if "account_" in log["event"]]
    assert told == [("account_closed", "error"), ("account_opened", "warning")]


def test_a_login_that_stays_refused_is_told_once_however_often_it_is_probed(
    permits: Place,
) -> None:
    with (
        running(customers=2, calls_per_minute=0) as vendor,
        capture_logs() as logs,
        gateway(vendor, permits) as opened,
    ):
        opened.query(READ, call(Purpose.QUERY))
        vendor.change_password("another")
        for _ in range(3):
            with pytest.raises(Unauthorised):
                opened.query(READ, call(Purpose.QUERY))
            permits.let_probe()
    told = [log["event"] for log in logs if "account_" in log["event"]]
    assert told == ["account_closed"]
