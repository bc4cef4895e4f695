"""The gateway's CPU and memory against plain zeep on requests: `python -m bench.gateway`.

Both talk to the same sandbox, turn and turn about; a ratio is ours divided by theirs in one pair.
CPU is that of this process, so the server's does not count. Memory is what a process grows by at
its peak, in a process of its own per reading.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from pydantic import SecretStr

from bench.peers import zeep_plain
from bench.peers.zeep_plain import PlainClient
from revio_jobs.contracts import CustomerProductRecord, Lane
from sandbox import Account, running
from tasks.ports import Call, Change, Filters, Permit, Purpose
from worker.soap import MemorySessionStore, RevioGateway, SoapConfig, open_gateway

PAIRS = 7
ACCOUNT = Account()


class Target(NamedTuple):
    name: str
    most: float


UPDATE = Target("CPU of an update", 0.8)
THOUSAND = Target("CPU of a query of 1,000 records", 0.15)
TEN_THOUSAND = Target("CPU of a query of 10,000 records", 0.15)
MEMORY = Target("memory of a query of 10,000 records", 0.3)


class FreePermits:
    """The limiter is measured elsewhere."""

    def acquire(self, call: Call) -> Permit:
        return Permit(call, "")

    def answered(self, permit: Permit) -> None: ...

    def refund(self, permit: Permit) -> None: ...

    def pause(
        self, account: str, seconds: float, reason: str, *, minute_spent: bool = False
    ) -> None: ...

    def report(self, account: str, *, healthy: bool) -> None: ...


def connect(endpoint: str) -> RevioGateway:
    config = SoapConfig(
        account="default",
        endpoint=endpoint,
        username=ACCOUNT.username,
        password=SecretStr(ACCOUNT.password),
        client_code=ACCOUNT.client_code,
        subscription_key=SecretStr(ACCOUNT.subscription_key),
    )
    return open_gateway(config, FreePermits(), MemorySessionStore())


def connect_plainly(endpoint: str) -> PlainClient:
    return zeep_plain.connect(
        endpoint,
        ACCOUNT.username,
        ACCOUNT.password,
        ACCOUNT.client_code,
        ACCOUNT.subscription_key,
    )


def query(gateway: RevioGateway, ids: Sequence[int]) -> list[CustomerProductRecord]:
    return gateway.query(Filters(ids=tuple(ids)), Call("default", Lane.BULK, Purpose.QUERY))


def update(gateway: RevioGateway, product_id: int, rate: Decimal) -> None:
    call = Call("default", Lane.BULK, Purpose.UPDATE)
    gateway.update(Change(product_id, {"rate": rate}), call, lambda: None)


def main() -> None:
    with running(customers=4000, calls_per_minute=0, calls_per_day=0) as box:
        ids = sorted(box.products())
        ours, theirs = connect(box.endpoint), connect_plainly(box.endpoint)
        check_equal(query(ours, ids), zeep_plain.as_dicts(theirs.query(ids)))
        rate = Decimal("12.50")
        report(
            UPDATE,
            pairs(
                lambda: cpu(lambda: update(ours, ids[0], rate), 200),
                lambda: cpu(lambda: theirs.update(ids[0], rate), 200),
            ),
        )
        for target, asked, times in ((THOUSAND, ids[:1000], 5), (TEN_THOUSAND, ids, 1)):
            report(
                target,
                pairs(
                    lambda asked=asked, times=times: cpu(lambda: query(ours, asked), times),
                    lambda asked=asked, times=times: cpu(lambda: theirs.query(asked), times),
                ),
            )
        report(
            MEMORY,
            pairs(lambda: growth("ours", box.endpoint), lambda: growth("theirs", box.endpoint)),
        )


def check_equal(ours: Sequence[CustomerProductRecord], others: Sequence[dict[str, Any]]) -> None:
    """Field by field; zeep reads an empty text as None."""
    assert len(ours) == len(others)
    for record, other in zip(ours, others, strict=True):
        for wire, value in other.items():
            assert (record[wire.lower()] or None) == _as_text(value), (wire, record, other)


def _as_text(value: object) -> object:
    if isinstance(value, Decimal | date):
        return str(value)
    return value or None


def pairs(ours: Callable[[], float], theirs: Callable[[], float]) -> list[tuple[float, float]]:
    return [(ours(), theirs()) for _ in range(PAIRS)]


def cpu(work: Callable[[], object], times: int) -> float:
    """Seconds of CPU for one."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def growth(whose: str, endpoint: str) -> float:
    """Bytes."""
    command = [sys.executable, "-m", "bench.gateway", whose, endpoint]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_growth(whose: str, endpoint: str) -> None:
    """In a process of its own: how far a large query lifts the peak above what was there."""
    ids = range(5001, 15001)
    if whose == "ours":
        gateway = connect(endpoint)
        query(gateway, ids[:10])
        before = _reset_peak()
        records: object = query(gateway, ids)
    else:
        client = connect_plainly(endpoint)
        client.query(ids[:10])
        before = _reset_peak()
        records = client.query(ids)
    print(_memory("VmHWM") - before)
    del records


def _reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    """Bytes, from Linux's account of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024


def report(target: Target, measured: Sequence[tuple[float, float]]) -> None:
    ratios = sorted(ours / theirs for ours, theirs in measured)
    ours, theirs = (median(column) for column in zip(*measured, strict=True))
    form = "{:.1f} MB".format if target is MEMORY else "{:.2f} ms".format
    scale = 1e-6 if target is MEMORY else 1e3
    verdict = "met" if median(ratios) <= target.most else "MISSED"
    print(
        f"{target.name:<38} {median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f}), "
        f"at most {target.most}: {verdict}; {form(ours * scale)} against {form(theirs * scale)}"
    )


if __name__ == "__main__":
    measure_growth(*sys.argv[1:]) if len(sys.argv) > 1 else main()
