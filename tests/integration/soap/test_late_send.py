"""An update that leaves when another worker may have sent it is not quiet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from revio_jobs.errors import OutcomeUnknown
from sandbox import RunningSandbox
from tasks.ports import Change, Purpose
from tests.integration.soap.accounts import RecordingPermits, call, config
from worker.soap import MemorySessionStore, RevioGateway
from worker.soap.http.transport import Transport

PRODUCT = 5001
EXECUTION_S = 20.0


class StoppingClock:
    """Stands still for a while between the look before a send and the next one."""

    def __init__(self, stopped_s: float) -> None:
        self._stopped_s = stopped_s
        self._looks_left: int | None = None
        self._passed_s = 0.0

    def about_to_send(self) -> None:
        self._looks_left = 1

    def __call__(self) -> float:
        if self._looks_left == 0:
            self._passed_s, self._looks_left = self._stopped_s, None
        elif self._looks_left:
            self._looks_left -= 1
        return time.monotonic() + self._passed_s


@contextmanager
def stopping(box: RunningSandbox, clock: StoppingClock) -> Iterator[RevioGateway]:
    known = config(box.endpoint, call_timeout_s=60.0, execution_s=EXECUTION_S)
    opened = RevioGateway(
        known, RecordingPermits(), MemorySessionStore(), Transport(known, clock=clock)
    )
    try:
        opened.check_login()
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize(("stopped_s", "is_told"), [(60 + 10, False), (60 + 100, True)])
def test_an_update_that_left_after_others_may_have_taken_it_is_told_of(
    box: RunningSandbox, stopped_s: float, *, is_told: bool
) -> None:
    clock = StoppingClock(stopped_s)
    with stopping(box, clock) as opened, capture_logs() as logs:
        with pytest.raises(OutcomeUnknown, match="after its deadline"):
            opened.update(
                Change(PRODUCT, {"rate": Decimal("7.13")}, frozenset()),
                call(Purpose.UPDATE),
                clock.about_to_send,
            )

        told = [log for log in logs if log["event"] == "update_sent_late"]
        assert bool(told) == is_told
        assert all(log["log_level"] == "error" and log["seconds"] > EXECUTION_S for log in told)
