"""A campaign as a person drives it, through everything that may happen on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from campaigns.signing import SigningKey
from campaigns.store.signers import SignerRecord, Signers
from cli.dev.stack import Stack, local_stack
from tests.acceptance.person import Person, Revio
from tests.acceptance.short_waits import BULK_QUEUE, SHORT_WAITS
from tests.acceptance.watching import settled

ROWS = 1500
# Calls per minute. So slow, and slower still while workers are killed, that the run cannot end
# before the story comes to its cancel, however long the machine keeps the story waiting.
PACE, SLOW_PACE = ("--rate", "2000"), "rate=600"
SETTINGS = SHORT_WAITS | {"REVIO_CAMPAIGN_FOUR_EYES": "true"}


@pytest.fixture
def stack() -> Iterator[Stack]:
    with local_stack(
        workers={"bulk": (BULK_QUEUE,), "second": (BULK_QUEUE,)},
        sandbox={"customers": 1000, "calls_per_minute": 0, "latency": 0.02},
        environment=SETTINGS,
        appendonly=True,
    ) as running:
        yield running


def new_rate(product: dict[str, str | None]) -> Decimal:
    raised = Decimal(product["Rate"] or 0) * Decimal("1.05")
    return raised.quantize(Decimal("0.01"), ROUND_HALF_UP)


def ended(seen: Any) -> int:
    return sum(seen["counts"].values())


def price_list(products: dict[int, dict[str, str | None]]) -> dict[int, Decimal]:
    """New rates for 1,500 products, every fiftieth of which the vendor will refuse to change.

    Evenly so: where refused ones stood closer together, a run that is resumed just before them
    would rightly halt, and whether it is depends on when somebody paused it.
    """
    denied = [one for one, product in products.items() if product["Status"] == "DENIED"][::2]
    others = [
        one
        for one, product in products.items()
        if product["Status"] not in {"DENIED", "DISCONNECTED"}
    ]
    chosen = sorted([*others[: ROWS - ROWS // 50], *denied[: ROWS // 50]])
    return {one: new_rate(products[one]) for one in chosen}


def write(path: Path, rates: dict[int, Decimal], *more: str) -> None:
    lines = [f"{one};{str(rate).replace('.', ',')};Prämie {one}" for one, rate in rates.items()]
    path.write_text("\n".join(["ID;Rate;Vermerk", *lines, *more]), encoding="cp1252")


def tokens_of(stack: Stack) -> dict[str, str]:
    """As the console gives them to people, by their names."""
    roles = {"ann": ("default:planner", "default:approver"), "bob": ("default:approver",)}
    keys = {name: SigningKey(name, os.urandom(32)) for name in roles}
    with Redis.from_url(stack.redis.url) as redis:
        for name, key in keys.items():
            until = time.time() + 3600
            Signers(redis).add(SignerRecord(key.id, name, key.public.hex(), until, roles[name]))
    return {name: key.token for name, key in keys.items()}


class Story:
    """One campaign; its steps, in the order in which they are told."""

    def __init__(self, me: Person, directory: Path) -> None:
        self.me = me
        self.sandbox = me.stack.sandbox
        self.directory = directory
        self.before = self.sandbox.products()
        self.rates = price_list(self.before)
        self.accepted = [one for one in self.rates if self.before[one]["Status"] != "DENIED"]
        # Charges only: a credit that became a charge would be stopped by a guard rail later.
        self.edited = [one for one in self.accepted if self.rates[one] > 0][300:1250:50]

    def plan(self) -> None:
        """Problems first, all at once, in a file to be corrected.

        Of two wishes for 5001, or 5002, none is planned, so that both are there twice.
        """
        path, arguments = self.directory / "june.csv", ["june.csv", "-o", "june.plan"]
        write(path, self.rates, "5001;1;twice", "x;1;", "999999;1;", "5002;1.5;")
        found = self.me.types("plan", *arguments, "--problems", "mend.csv", code=1)
        assert sum(found["problems"].values()) == 6
        assert not (self.directory / "june.plan").exists()
        mend = (self.directory / "mend.csv").read_text(encoding="cp1252").splitlines()
        assert mend[0] == "ID;Rate;Vermerk;revio_problem"
        assert len(mend) == 7
        write(path, self.rates)
        planned = self.me.types("plan", *arguments, "--by", "ann", code=2)
        assert planned["rows"] == {"change": ROWS}
        assert planned["forecast"]["calls"] == ROWS + 2 * ceil(ROWS / 200)
        self.run = planned["run"]

    def approve(self) -> None:
        """Not unseen, and not by its author."""
        self.me.types("review", "june.plan", "--html", "june.html", "--xlsx", "june.xlsx")
        assert "<svg" in (self.directory / "june.html").read_text(encoding="utf-8")
        self.me.types("apply", "june.plan", code=2)
        self.me.types("approve", "june.plan", "--reason", "mine", "--by", "ann", code=2)
        self.me.types("approve", "june.plan", "--reason", "agreed", "--by", "bob")

    def apply(self) -> None:
        """In stages, after somebody else has edited products; a second time attaches."""
        for one in self.edited:
            self.sandbox.edit(one, Rate="77.0000")
        stages = ["--canary", "25,250,rest", "--halt-errors", "10", "--by", "bob", *PACE]
        assert self.me.types("apply", "june.plan", *stages)["began"]
        assert not self.me.types("apply", "june.plan", *stages)["began"]
        self.me.wait(self.run, lambda seen: seen["stage"] >= 2)
        assert self.me.executed() >= 24
        self.me.wait(self.run, lambda seen: seen["stage"] == 3)

    def pause_and_resume(self) -> None:
        """It stops within seconds, and goes on."""
        self.me.decides("pause", self.run)
        paused_at = settled(self.me.executed, 1)
        time.sleep(1.5)
        assert self.me.executed() == paused_at
        assert self.me.look(self.run)["status"] == "paused"
        self.me.decides("resume", self.run)

    def kill_workers_and_redis(self) -> None:
        stack = self.me.stack
        self.me.wait(self.run, lambda seen: ended(seen) > 500)
        self.me.decides("set", self.run, SLOW_PACE)
        for name in ("bulk", "second"):
            stack.services[name].send(signal.SIGKILL)
            stack.services[name].wait_or_kill()
            stack.services[name].start()
        stack.wait_until_ready()
        self.me.wait(self.run, lambda seen: ended(seen) > 650)
        stack.redis.kill()
        stack.redis.restart()

    def cancel(self) -> None:
        self.me.wait(self.run, lambda seen: ended(seen) > 800)
        self.me.decides("set", self.run, "rate=900", "priority=high")
        self.me.decides("cancel", self.run)
        last = self.me.wait(self.run, lambda seen: seen["ended"])
        assert last["status"] == "cancelled"
        assert 800 < ended(last) < ROWS
        self.counts = last["counts"]
        assert self.counts["drifted"] > 0
        assert self.counts["failed"] > 0

    def report_and_retry(self) -> None:
        """Every row is accounted for, and what is left can be planned from the report as it is."""
        report = self.me.types("report", self.run, "-o", "out")["rows"]
        assert sum(report.values()) == ROWS
        assert report["succeeded"] == self.counts["applied"]
        assert report["failed"] == self.counts["failed"]
        assert report["drifted"] == self.counts["drifted"]
        assert "<svg" in (self.directory / "out" / "report.html").read_text(encoding="utf-8")
        anew = ["-o", "rest.plan", "--by", "ann", "--override", "change=the edits were wrong"]
        again = self.me.types("plan", "out/unprocessed.csv", *anew, code=2)
        retried = self.me.types("retry", self.run, "--only", "unprocessed", *anew, code=2)
        assert again["rows"] == retried["rows"] == {"change": report["unprocessed"]}
        self.me.types("approve", "rest.plan", "--reason", "go on", "--by", "bob")
        self.me.types("apply", "rest.plan", "--halt-errors", "10", "--by", "bob")
        assert self.me.wait(retried["run"], lambda seen: seen["ended"])["status"] == "done"
        self.rest = retried["run"]

    def compare(self) -> None:
        """Every product is as planned, changed once; the drifted and refused are as they were."""
        updates, truth = self.sandbox.updates(), self.sandbox.products()
        self.drifted = {one for one in self.edited if truth[one]["Rate"] == "77.0000"}
        assert len(self.drifted) == self.counts["drifted"]
        changed = set(self.accepted) - self.drifted
        for one, product in truth.items():
            executions = updates.get(one, [])
            assert len(executions) == int(one in changed), one
            assert all(set(update["fields"]) == {"Rate"} for update in executions), one
            if one not in self.drifted:
                old = Decimal(self.before[one]["Rate"] or 0)
                wanted = self.rates[one] if one in changed else old
                assert Decimal(product["Rate"] or 0) == wanted, one

    def undo(self) -> None:
        """Takes back what still is ours, and lists what is not, and what was billed."""
        lines = (self.directory / "out" / "succeeded.csv").read_text(encoding="cp1252")
        ours = [int(line.split(";")[0]) for line in lines.splitlines()[1:]]
        touched, billed = ours[3], ours[5]
        self.sandbox.edit(touched, Rate="1.2300")
        self.sandbox.edit(billed, Billed_Through_Date="2026-02-28")
        arguments = ["-o", "undo.plan", "--reason", "wrong month", "--by", "ann"]
        undo = self.me.types("undo", self.run, *arguments, code=2)
        assert undo["edited"] == [[touched, "rate=1.2300"]]
        assert [entry["id"] for entry in undo["billed"]] == [billed]
        self.me.types("approve", "undo.plan", "--reason", "back", "--by", "bob")
        self.me.types("apply", "undo.plan", "--by", "bob")
        assert self.me.wait(undo["run"], lambda seen: seen["ended"])["status"] == "done"
        truth = self.sandbox.products()
        assert truth[touched]["Rate"] == "1.2300"
        for one in set(self.accepted) - self.drifted - {touched}:
            old = Decimal(self.before[one]["Rate"] or 0)
            wanted = old if one in ours else self.rates[one]
            assert Decimal(truth[one]["Rate"] or 0) == wanted, one
        self.undone, self.sample = undo["run"], ours[0]

    def explain(self) -> None:
        told = self.me.types("explain", str(self.sample))["campaigns"]
        assert [entry["run"] for entry in told] == [self.undone, self.run]
        assert {entry["approved_by"] for entry in told} == {"bob"}
        listed = [run["run"] for run in self.me.types("list")["runs"]]
        assert listed == [self.undone, self.rest, self.run]


def test_a_person_takes_1500_products_through_a_campaign_and_back(
    stack: Stack, revio: Revio, tmp_path: Path
) -> None:
    story = Story(Person(stack, revio, tokens_of(stack)), tmp_path)
    story.plan()
    story.approve()
    story.apply()
    story.pause_and_resume()
    story.kill_workers_and_redis()
    story.cancel()
    story.report_and_retry()
    story.compare()
    story.undo()
    story.explain()
