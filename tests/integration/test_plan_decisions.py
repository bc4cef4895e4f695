"""Of two people who decide about a plan at once, one is told what the other did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from campaigns.approval import Person, approve, send_back
from campaigns.errors import NotAllowedError
from campaigns.plan.plan_file import Header, Plan, keep, new_plan, open_plan
from campaigns.rows.planned_row import PlannedRow, RowClass
from campaigns.run.request import RunRequest
from campaigns.start import start
from campaigns.store import Approval, OperatorStore
from campaigns.terms import Terms

TERMS = Terms("default", "v")
NOW = 1_800_000_000.0


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def store(redis: Redis) -> OperatorStore:
    return OperatorStore(redis, "default", keep_s=3600)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    path = tmp_path / "june.plan"
    header = Header("june", "default", "v", "ann", "2026-06-01T00:00:00+00:00")
    with new_plan(path, header) as writer:
        writer.add(PlannedRow(RowClass.CHANGE, 2, 1, {"rate": "1"}, {"rate": "2"}))
        keep(path, writer)
    return open_plan(path)


def word(by: str, at: float = NOW) -> Approval:
    return Approval("digest", by, at, f"{by} agrees")


def test_of_two_approvals_at_once_the_first_stays_and_the_second_hears_of_it(
    store: OperatorStore,
) -> None:
    assert store.plans.approve("june", "run", word("ann")) is None
    assert store.plans.approve("june", "run", word("bob")) == word("ann")
    assert store.plans.approval("digest") == word("ann")
    assert [entry.by for entry in store.audit("run")] == ["ann"]


def test_an_approval_that_is_known_can_be_replaced_once(store: OperatorStore) -> None:
    store.plans.approve("june", "run", word("ann"))
    assert store.plans.approve("june", "run", word("bob"), instead_of=word("ann")) is None
    assert store.plans.approve("june", "run", word("eve"), instead_of=word("ann")) == word("bob")


def test_an_approval_of_an_earlier_release_can_be_replaced(
    store: OperatorStore, redis: Redis
) -> None:
    store.plans.approve("june", "run", word("ann"))
    [key] = redis.keys("*approvals*")
    redis.hset(key, "digest:digest", json.dumps(["ann", NOW, "ann agrees"]))
    known = store.plans.approval("digest")
    assert store.plans.approve("june", "run", word("bob"), instead_of=known) is None


def test_the_same_approval_again_changes_nothing(store: OperatorStore, plan: Plan) -> None:
    clock = iter((NOW, NOW + 1)).__next__
    for _ in range(2):
        assert approve(plan, TERMS, store, Person("ann", "agreed"), clock=clock).at == NOW
    with pytest.raises(NotAllowedError, match="ann has approved plan june already: agreed"):
        approve(plan, TERMS, store, Person("bob", "agreed, too"), clock=lambda: NOW)
    assert len(store.audit(plan.run)) == 1


def test_a_plan_is_sent_back_once(store: OperatorStore, plan: Plan) -> None:
    for _ in range(2):
        send_back(plan, TERMS, store, Person("ann", "too high"), clock=lambda: NOW)
    with pytest.raises(NotAllowedError, match="ann has sent this plan back already: too high"):
        send_back(plan, TERMS, store, Person("bob", "too low"), clock=lambda: NOW)
    assert len(store.audit(plan.run)) == 1


def test_a_plan_that_is_sent_back_while_its_rows_are_stored_never_begins(
    store: OperatorStore, plan: Plan, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(plan, TERMS, store, Person("ann", "agreed"), clock=lambda: NOW)
    store_rows = store.chunks.store

    def stored_meanwhile(*rows: Any) -> int:
        count = store_rows(*rows)
        send_back(plan, TERMS, store, Person("bob", "too high"), clock=lambda: NOW)
        return count

    monkeypatch.setattr(store.chunks, "store", stored_meanwhile)
    with pytest.raises(NotAllowedError, match=r"bob has sent plan june .* back: too high"):
        start(plan, TERMS, store, RunRequest("ann"), clock=lambda: NOW)
    assert not store.exists(plan.run)
    assert not redis.keys(f"*{plan.run}:rows") + redis.keys(f"*{plan.run}:ids")


def test_a_plan_whose_run_has_begun_is_not_sent_back(store: OperatorStore, plan: Plan) -> None:
    approve(plan, TERMS, store, Person("ann", "agreed"), clock=lambda: NOW)
    assert start(plan, TERMS, store, RunRequest("ann"), clock=lambda: NOW)
    with pytest.raises(NotAllowedError, match="has begun: pause or cancel it"):
        send_back(plan, TERMS, store, Person("bob", "too high"), clock=lambda: NOW)
    assert store.plans.sent_back(plan.digest) is None


def test_an_approval_that_comes_after_a_refusal_does_not_count(store: OperatorStore) -> None:
    store.plans.send_back("run", word("ann"))
    assert store.plans.approve("june", "run", word("bob")) == word("ann")
    assert store.plans.approval("digest") is None
