"""Who asks for the WSDL again, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from revio_jobs.errors import Throttled, Unavailable
from tests.unit.soap.wsdls import config, render, shapes
from worker.soap.service import LazyVendorService
from worker.soap.wsdl.state import MemoryWsdlStates
from worker.soap.wsdl_watch import WsdlWatch

EVERY_S = 300.0


@dataclass
class Vendor:
    """Serves its WSDL with the number of the request in it, as some servers put a date there."""

    document: bytes = field(default_factory=render)
    now: float = 1_800_000_000.0
    asked: int = 0
    is_down: bool = False

    def fetch(self, url: str) -> bytes:
        self.asked += 1
        if self.is_down:
            raise Unavailable("no answer")
        return self.document + b"<!-- %d -->" % self.asked


class Workers:
    """Watches of as many processes, which share what they know."""

    def __init__(self, vendor: Vendor, count: int) -> None:
        self.reasons: list[str] = []
        self.is_redis_away = False
        self._vendor = vendor
        states = MemoryWsdlStates(lambda: vendor.now)
        self._watches = [
            WsdlWatch(
                config(),
                LazyVendorService(config(), lambda: vendor.now),
                states,
                self._stop,
                now=lambda: vendor.now,
                clock=lambda: vendor.now,
            )
            for _ in range(count)
        ]

    def _stop(self, reason: str) -> None:
        if self.is_redis_away:
            raise Unavailable("the paused lanes cannot be asked")
        self.reasons.append(reason)

    def work(self, seconds: float) -> int:
        """Each process updates every second; the number of updates that were stopped."""
        stopped = 0
        for _ in range(int(seconds)):
            self._vendor.now += 1
            for watch in self._watches:
                try:
                    watch.check(self._vendor.fetch, EVERY_S)
                except (Throttled, Unavailable):
                    stopped += 1
        return stopped


def test_one_process_asks_for_all_though_the_document_has_a_date_in_it() -> None:
    vendor = Vendor()
    workers = Workers(vendor, 4)
    workers.work(1)
    loaded = vendor.asked
    with capture_logs() as logs:
        assert workers.work(3600) == 0
    # A document that differs is read twice: once to see that it does, once to understand it.
    assert vendor.asked - loaded <= 2 * 3600 / EVERY_S + 2
    assert not [log for log in logs if log["event"] == "wsdl_changed"]
    assert not workers.reasons


def test_every_process_notices_within_the_period_and_seconds() -> None:
    vendor = Vendor()
    workers = Workers(vendor, 4)
    workers.work(1)
    vendor.document = render(shapes("optional,Quantity=required"))
    assert workers.work(EVERY_S + 10) == 4
    assert len(workers.reasons) == 1
    assert workers.work(2 * EVERY_S) == 0


def test_a_stop_that_redis_does_not_take_is_made_up_for() -> None:
    vendor = Vendor()
    workers = Workers(vendor, 2)
    workers.work(1)
    vendor.document = render(shapes("optional,Quantity=required"))
    workers.is_redis_away = True
    assert workers.work(EVERY_S + 10)
    workers.is_redis_away = False
    assert workers.work(EVERY_S + 10)
    assert len(workers.reasons) == 1


def test_elements_in_another_order_are_a_change_that_is_adopted() -> None:
    vendor = Vendor()
    workers = Workers(vendor, 2)
    workers.work(1)
    vendor.document = render(shapes(records="flat"))
    with capture_logs() as logs:
        assert workers.work(EVERY_S + 10) == 0
    assert [log["event"] for log in logs].count("wsdl_changed") == 1


def test_a_vendor_that_is_down_is_asked_twice_a_period_and_stops_nothing() -> None:
    vendor = Vendor()
    workers = Workers(vendor, 4)
    workers.work(1)
    vendor.is_down, before = True, vendor.asked
    assert workers.work(3600) == 0
    assert vendor.asked - before <= 2 * 3600 / EVERY_S + 1


def test_a_wsdl_that_does_not_fit_any_more_stops_the_updates() -> None:
    vendor = Vendor()
    workers = Workers(vendor, 1)
    workers.work(1)
    vendor.document = render().replace(b"Customer_Product_ID", b"Product_Number")
    assert workers.work(EVERY_S + 1) == 1
    assert "does not fit" in workers.reasons[0]


def test_a_page_in_its_place_is_not_a_change() -> None:
    vendor = Vendor()
    workers = Workers(vendor, 1)
    workers.work(1)
    vendor.document = b"<html><body>Down for maintenance</body></html>"
    with capture_logs() as logs:
        assert workers.work(EVERY_S + 1) == 0
    assert "wsdl_not_checked" in [log["event"] for log in logs]
    assert not workers.reasons


@pytest.mark.parametrize("update", ["nillable", "wrapped", "optional,Code1=nillable"])
def test_what_is_not_worse_stops_nothing(update: str) -> None:
    vendor = Vendor()
    workers = Workers(vendor, 2)
    workers.work(1)
    vendor.document = render(shapes(update))
    assert workers.work(EVERY_S + 10) == 0
    assert not workers.reasons
