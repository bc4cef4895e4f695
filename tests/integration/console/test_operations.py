"""Operations in the console: lanes, dead letters, jobs and the audit, on a real Redis."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from campaigns.store.keys import AccountKeys, RunKeys
from cli.producer import app_of
from console.parts import Console
from console.security.identity import parse_grants
from revio_jobs import Lane, RevioJobs, UpdateJob, errors
from revio_jobs.celery_app import producer_app
from revio_jobs.message import encode_message
from revio_jobs.reservation_outcome import Expired
from revio_jobs.testing import InMemoryRevio, InMemoryRevioJobs
from tasks.ports import Call, Claimed, Purpose
from tests.day_reset import in_half_a_day
from tests.integration.console.visitor import (
    PASSWORD,
    Visitor,
    console_of,
    settings_of,
    value_of,
)
from worker.ledger import DeadLetters, LedgerTimes, RedisLedger, Retried
from worker.ledger.history import FIRST, History
from worker.limiter import LanePauses, LimitRules, Pause, RedisLimiter

REJECTED = errors.Rejected("E1", "no <b>such</b> rate")
UNKNOWN = errors.OutcomeUnknown("nobody knows")


@pytest.fixture
def console(redis_url: str, tmp_path: Path) -> Console:
    settings = settings_of(tmp_path, redis_url, console_flower_url="https://flower.example")
    return console_of(settings)


@pytest.fixture
def operator(console: Console) -> Visitor:
    visitor = Visitor.of(console)
    visitor.sign_in("operator")
    return visitor


class Producer:
    """Submits updates, and fails them as a worker would."""

    def __init__(self, url: str, console: Console) -> None:
        self.jobs = RevioJobs.connect(url)
        app = producer_app(url)
        self.ledger = RedisLedger(console.redis, LedgerTimes(60.0), partial(encode_message, app))

    def submit(self, key: str) -> str:
        return str(self.jobs.update(id=5001, rate="12.50", idempotency_key=key).job_id)

    def fail(self, key: str, error: errors.RevioError) -> str:
        job = UpdateJob(id=5001, rate="12.50", idempotency_key=key)
        [handle] = self.jobs.submit([job], Lane.BULK)
        claim = self.ledger.claim(handle.job, handle.job_id, Lane.BULK)
        assert isinstance(claim, Claimed)
        told = {"type": type(error).__name__, "args": list(error.args)}
        self.ledger.settle(claim.lease, {"error": told}, told["type"], frozenset())
        return str(handle.job_id)


@pytest.fixture
def producer(redis_url: str, console: Console) -> Iterator[Producer]:
    made = Producer(redis_url, console)
    yield made
    made.jobs.close()


def test_a_lane_is_paused_and_resumed_with_a_reason_and_a_name(
    console: Console, operator: Visitor
) -> None:
    path = "/a/default/lanes/bulk"
    assert "Give a reason" in operator.post(f"{path}/pause").text
    assert operator.post(f"{path}/pause", {"reason": "vendor is slow"}).status_code == 303
    pause = LanePauses(console.redis).get("default", Lane.BULK)
    assert pause is not None
    assert (pause.by, pause.reason) == ("operator", "vendor is slow")
    assert "vendor is slow" in operator.get("/a/default/operations").text

    late = operator.post(f"{path}/pause", {"reason": "me too"})
    assert late.status_code == 409
    assert "operator has paused lane bulk already: vendor is slow" in late.text

    read = value_of(operator.get("/a/default/operations").text, "read")
    added = Pause("the WSDL has changed", "revio", pause.since)
    assert LanePauses(console.redis).pause("default", Lane.BULK, added)
    unread = operator.post(f"{path}/resume", {"reason": "it is well", "read": read})
    assert unread.status_code == 409
    assert "vendor is slow; revio adds: the WSDL has changed" in unread.text
    read = value_of(operator.get("/a/default/operations").text, "read")
    answer = operator.post(f"{path}/resume", {"reason": "it is well", "read": read})
    assert answer.status_code == 303
    assert LanePauses(console.redis).get("default", Lane.BULK) is None
    page = operator.get("/a/default/operations").text
    for decision in ("pause lane bulk", "resume lane bulk", "it is well"):
        assert decision in page
    assert operator.post("/a/default/lanes/fast/pause", {"reason": "x"}).status_code == 404


def test_a_run_that_cannot_be_read_is_named_in_the_list_of_campaigns(
    console: Console, operator: Visitor
) -> None:
    keys = RunKeys("default", "odd")
    console.redis.zadd(AccountKeys("default").all, {"odd": 1.0})
    console.redis.set(keys.spec, '{"of": "a later release"}')
    for key in (keys.control, keys.progress):
        console.redis.hset(key, "of", "a later release")
    page = operator.get("/a/default/campaigns").text
    assert "odd cannot be read: a newer release has written it" in page
    assert "No campaign has been applied yet" not in page


def test_operations_show_the_last_hours_calls_against_the_limit(
    console: Console, operator: Visitor
) -> None:
    assert "No call in the last hour" in operator.get("/a/default/operations").text
    rules = LimitRules(
        calls_per_minute=500, calls_per_day=150_000, day_reset_hour=int(in_half_a_day())
    )
    limiter = RedisLimiter(console.redis, {"default": rules})
    limiter.admit(Call("default", Lane.INTERACTIVE, Purpose.QUERY))
    page = operator.get("/a/default/operations").text
    assert "Calls per minute in the last 60 minutes, against the limit of 500" in page
    assert re.search(r'<rect class="interactive".*<title>\d\d:\d\d: 1 interactive</title>', page)
    assert re.search(r"UTC</time>\s*</th><td class=\"n\">1</td><td class=\"n\">0</td>", page)


def test_a_dead_letter_is_found_shown_and_tried_again_once(
    operator: Visitor, producer: Producer
) -> None:
    job = producer.fail("a", REJECTED)
    assert "Rejected (1)" in operator.get("/a/default/dead").text
    assert job in operator.get("/a/default/dead?error=Rejected").text
    assert job not in operator.get("/a/default/dead?error=OutcomeUnknown").text
    page = operator.get(f"/a/default/dead/{job}").text
    assert "12.50" in page
    assert "<b>such</b>" not in page
    assert f"https://flower.example/task/{job}" in page
    assert "idempotency_key" not in page
    page = operator.get(f"/a/default/jobs?job={job}").text
    assert f'href="/a/default/dead/{job}">Its dead letter' in page
    assert '<th scope="row">rate was to be</th><td>12.50</td>' in page
    assert 'href="/a/default/products?id=5001"' in page

    again = operator.post(f"/a/default/dead/{job}/retry", {"reason": "rate exists now"})
    assert "queued" in operator.get(again.headers["location"]).text
    late = operator.post(f"/a/default/dead/{job}/retry", {"reason": "rate exists now"})
    assert late.status_code == 404
    assert "somebody has retried or discarded it" in late.text
    assert f"retry dead letter {job}" in operator.get("/a/default/operations").text


def test_what_was_not_done_to_a_dead_letter_is_not_said_to_be(
    operator: Visitor, producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = producer.fail("a", REJECTED)
    path, reason = f"/a/default/dead/{job}", {"reason": "rate exists now"}
    ended = Retried("the-new-one", Expired("applied", 0.0))
    monkeypatch.setattr(DeadLetters, "retry", lambda *_: ended)
    answer = operator.post(f"{path}/retry", reason)
    assert answer.status_code == 409
    assert "as job the-new-one, which has ended" in answer.text
    monkeypatch.setattr(DeadLetters, "discard", lambda *_: False)
    answer = operator.post(f"{path}/discard", reason)
    assert answer.status_code == 409
    assert "meanwhile" in answer.text
    assert f"dead letter {job}" not in operator.get("/a/default/operations").text


def test_an_unknown_outcome_is_tried_again_only_by_who_says_to_have_looked(
    operator: Visitor, producer: Producer
) -> None:
    job = producer.fail("a", UNKNOWN)
    refused = operator.post(f"/a/default/dead/{job}/retry")
    assert refused.status_code == 409
    assert "the vendor may have executed it" in refused.text
    assert "1 update ended as OutcomeUnknown" in operator.get("/a/default/operations").text
    answer = operator.post(f"/a/default/dead/{job}/retry", {"even_unknown": "yes"})
    assert answer.status_code == 303


@dataclass(frozen=True)
class Unknown:
    """An update of product 5001 to 12.50 of which nobody knows what became of it."""

    revio: InMemoryRevio
    operator: Visitor
    job: str

    @property
    def path(self) -> str:
        return f"/a/default/dead/{self.job}"

    def look(self) -> str:
        return str(self.operator.get(f"{self.path}?look=1").text)

    def settle(self, seen: str, reason: str = "I looked") -> Any:
        return self.operator.post(f"{self.path}/settle", {"reason": reason, "seen": seen})


@pytest.fixture
def unknown(console: Console, producer: Producer) -> Unknown:
    revio = InMemoryRevio([{"customer_product_id": 5001, "rate": "12.50"}])
    looking = replace(console, jobs=InMemoryRevioJobs(revio))
    operator = Visitor.of(looking)
    operator.sign_in("operator")
    return Unknown(revio, operator, producer.fail("a", UNKNOWN))


def test_an_unknown_outcome_is_settled_as_seen_for_whoever_asks_for_the_result(
    unknown: Unknown, producer: Producer, console: Console
) -> None:
    assert "First look at the product" in unknown.operator.get(unknown.path).text
    page = unknown.look()
    assert "The product is as the update wants it: the vendor has executed it" in page
    seen = html.unescape(value_of(page, "seen"))
    assert "needs a reason" in unknown.settle(seen, reason="").text
    assert unknown.settle(seen).headers["location"] == f"/a/default/jobs?job={unknown.job}"

    found = producer.jobs.find("default", "a")
    assert found
    assert (found.result(timeout=1).outcome, found.result(timeout=1).verified) == ("applied", True)
    assert app_of(console.settings).AsyncResult(unknown.job).result["outcome"] == "applied"
    assert "nothing to do" in unknown.operator.get("/a/default/dead").text
    page = unknown.operator.get("/a/default/operations").text
    assert f"<td>operator</td><td>settle {unknown.job} as applied</td><td>I looked</td>" in page
    page = unknown.operator.get(f"/a/default/jobs?job={unknown.job}").text
    assert '<th scope="row">outcome</th><td>applied, and read back</td>' in page
    console.users.add("eve", PASSWORD, parse_grants(["east:viewer"]))
    eve = Visitor.of(console)
    eve.sign_in("eve")
    assert ">5001</a>" not in eve.get(f"/a/east/jobs?job={unknown.job}").text
    assert "it balances" in unknown.operator.get("/a/default/audit").text
    *_, ended = History(console.redis).after("default", FIRST)
    assert (ended.job_id, ended.how) == (unknown.job, "applied")
    assert unknown.settle(seen).status_code == 404  # a second click


def test_an_outcome_is_not_settled_if_the_product_looks_otherwise_than_it_was_seen(
    unknown: Unknown,
) -> None:
    seen = html.unescape(value_of(unknown.look(), "seen"))
    unknown.revio.products[5001] = unknown.revio.products[5001].model_copy(
        update={"rate": Decimal("13.00")}
    )
    refused = unknown.settle(seen)
    assert refused.status_code == 409
    assert "The product looks otherwise than you saw it: it has rate 13.00 now" in refused.text

    page = unknown.look()
    assert "The product is not as the update wants it" in page
    assert "Settle as applied" not in page
    refused = unknown.settle('{"rate": "13.00"}')
    assert refused.status_code == 409
    assert "which is not what the update wants" in refused.text


def test_a_product_is_looked_at_now_and_a_word_that_is_no_id_is_told_beside_the_field(
    unknown: Unknown,
) -> None:
    page = unknown.operator.get("/a/default/products?id=5001").text
    assert "Look at it now" in page
    assert "At Rev.io" not in page
    page = unknown.operator.get("/a/default/products?id=5001&look=1").text
    assert '<th scope="row">rate</th><td>12.50</td>' in page
    odd = unknown.operator.get("/a/default/products?id=seat")
    assert odd.status_code == 422
    assert "“seat” is not the ID of a customer product" in odd.text
    assert 'name="id" inputmode="numeric" value="seat"' in odd.text


def test_an_outcome_that_is_known_is_not_settled(unknown: Unknown, producer: Producer) -> None:
    job = producer.fail("b", REJECTED)
    form = {"reason": "x", "seen": '{"rate": "12.50"}'}
    refused = unknown.operator.post(f"/a/default/dead/{job}/settle", form)
    assert refused.status_code == 409
    assert "Its outcome is known: it ended as Rejected" in refused.text


def test_a_discarded_letter_is_gone_and_the_log_says_who_and_why(
    operator: Visitor, producer: Producer
) -> None:
    job = producer.fail("a", REJECTED)
    assert operator.post(f"/a/default/dead/{job}/discard").status_code == 409
    answer = operator.post(f"/a/default/dead/{job}/discard", {"reason": "a test"})
    assert answer.headers["location"] == "/a/default/dead"
    assert "nothing to do" in operator.get("/a/default/dead").text
    page = operator.get("/a/default/operations").text
    assert f"<td>operator</td><td>discard dead letter {job}</td><td>a test</td>" in page


def test_a_job_is_explained_by_its_id_and_by_its_key(operator: Visitor, producer: Producer) -> None:
    job = producer.submit("june:1")
    for query in (f"job={job}", "key=june:1"):
        page = operator.get(f"/a/default/jobs?{query}").text
        assert job in page
        assert "nobody serves this lane" in page
    assert ">unknown<" in operator.get("/a/default/jobs?job=not-a-job-of-anybody").text


def test_the_audit_proves_that_no_update_is_missing(operator: Visitor, producer: Producer) -> None:
    producer.submit("a")
    producer.fail("b", REJECTED)
    page = operator.get("/a/default/audit").text
    assert "it balances" in page
    assert '<th scope="row">accepted</th><td class="n">2</td>' in page
