"""Each way that an update's life can take."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from revio_jobs import errors
from revio_jobs.contracts import Lane, UpdateJob
from tasks.decision import Done, Requeue, Skip
from tasks.ports import UnreadableRecord

Make = Callable[..., Any]
Result = Callable[..., dict[str, Any]]


def assert_failed(step: Any, kind: type[errors.RevioError]) -> errors.RevioError:
    assert isinstance(step, Done), step
    assert type(step.error) is kind
    return step.error


def test_an_update_is_sent_once_and_settled(world: Any, result: Result) -> None:
    job_id = world.submit("a", rate="12.50", clear=["code1"])
    ended = result(world.deliver("a"))
    assert ended == {
        "outcome": "applied",
        "id": 1,
        "verified": False,
        "sent": ["code1", "rate"],
        "calls": 1,
        "settled_at": "1970-01-12T13:46:40+00:00",
    }
    [execution] = world.vendor.executed
    assert execution.job_id == job_id
    assert execution.values == {"rate": Decimal("12.50")}
    assert execution.clear == {"code1"}


def test_a_replayed_message_gets_the_first_outcome(world: Any) -> None:
    world.submit("a", rate="1")
    first = world.deliver("a")
    world.later()
    assert world.deliver("a") == first
    assert len(world.vendor.calls) == 1


def test_a_second_message_stands_aside_while_the_first_is_at_work(world: Any) -> None:
    world.submit("a", rate="1")
    steps: list[Any] = []
    world.vendor.meanwhile = lambda: steps.append(world.deliver("a"))
    world.deliver("a")
    assert steps
    assert all(isinstance(step, Skip) for step in steps)
    assert len(world.vendor.executed) == 1


def test_a_job_whose_result_has_expired_is_not_executed_again(world: Any) -> None:
    job_id = world.submit("a", rate="1")
    ended_at = world.clock()
    world.deliver("a")
    world.later(86_400)
    error = assert_failed(world.deliver("a"), errors.ResultExpired)
    assert error.args == (job_id, "applied", ended_at)
    assert len(world.vendor.calls) == 1


def test_a_key_with_another_payload_is_a_conflict(world: Any) -> None:
    job_id = world.submit("a", rate="1")
    world.jobs["a"] = UpdateJob(id=1, idempotency_key="a", rate="2")
    error = assert_failed(world.deliver("a"), errors.IdempotencyConflict)
    assert error.args == ("default", "a", job_id)
    assert world.vendor.calls == []


def test_an_unknown_account_is_an_invalid_job(world: Any) -> None:
    step = world.handler.run(UpdateJob(account="acme", id=1, rate="1"), "x", Lane.BULK)
    error = assert_failed(step, errors.InvalidJob)
    assert str(error) == "account: 'acme' is not configured; known are default"


def test_nothing_is_called_while_the_ledger_is_silent(world: Any, result: Result) -> None:
    world.submit("a", rate="1")
    world.flaky(["refused"])
    assert isinstance(world.deliver("a"), Requeue)
    assert world.vendor.calls == []
    assert result(world.deliver("a"))["outcome"] == "applied"


@pytest.mark.parametrize("fault", ["throttled", "quota", "unauthorised"])
def test_waiting_for_a_call_costs_no_attempt(world: Any, result: Result, fault: str) -> None:
    world.submit("a", rate="1")
    for _ in range(50):
        assert isinstance(world.deliver("a", fault), Requeue)
    assert result(world.deliver("a"))["outcome"] == "applied"


def test_a_call_that_changed_nothing_is_made_again_later(world: Any, result: Result) -> None:
    world.submit("a", rate="1")
    assert isinstance(world.deliver("a", "unavailable"), Skip)
    world.later()
    assert result(world.deliver("a"))["verified"] is False
    assert world.purposes() == ["update", "update"]


def test_a_vendor_that_stays_away_fails_the_job_at_last(make_world: Make) -> None:
    world = make_world(max_attempts=3)
    world.submit("a", rate="1")
    for _ in range(2):
        assert isinstance(world.deliver("a", "unavailable"), Skip)
        world.later()
    assert_failed(world.deliver("a", "unavailable"), errors.Unavailable)
    assert world.vendor.executed == []


def test_the_deadline_counts_attempts_and_backoff_from_the_first_attempt(
    make_world: Make,
) -> None:
    world = make_world(max_attempts=1000, cap_s=10.0, deadline_s=30.0)
    world.submit("a", rate="1")
    world.later(100_000)
    attempts = 0
    while isinstance(step := world.deliver("a", "unavailable"), Skip):
        attempts += 1
        world.later(100_000)
    assert_failed(step, errors.Unavailable)
    assert attempts > 3


@pytest.mark.parametrize("executed", ["lost", "executed_lost", "executed_late"])
def test_an_update_that_waited_for_long_and_meets_a_lost_answer_is_looked_up(
    world: Any, result: Result, executed: str
) -> None:
    world.submit("a", rate="1")
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.00"}
    world.later(2 * 3600)
    assert isinstance(world.deliver("a", executed), Skip)
    world.later()
    assert result(world.deliver("a"))["outcome"] == "applied"
    assert len(world.vendor.executed) == 1


@pytest.mark.parametrize("attempts", [1, 2])
def test_an_update_sent_in_its_last_attempt_is_looked_up(
    make_world: Make, result: Result, attempts: int
) -> None:
    world = make_world(max_attempts=attempts, deadline_s=0.0 if attempts == 1 else 3600.0)
    world.submit("a", rate="1")
    if attempts == 2:
        world.deliver("a", "unavailable")
        world.later()
    assert isinstance(world.deliver("a", "executed_lost"), Skip)
    world.later()
    assert result(world.deliver("a"))["verified"] is True


def test_a_refusal_ends_the_job(world: Any) -> None:
    world.submit("a", rate="1")
    assert_failed(world.deliver("a", "rejected"), errors.Rejected)
    world.later()
    assert_failed(world.deliver("a"), errors.Rejected)
    assert len(world.vendor.calls) == 1


def test_a_refused_account_does_not_end_a_job_that_was_sent_or_lose_what_is_known_of_it(
    world: Any, result: Result
) -> None:
    world.submit("a", rate="1")
    world.deliver("a", "executed_lost")
    world.later()
    for _ in range(50):
        assert isinstance(world.deliver("a", "unauthorised"), Requeue)
    assert result(world.deliver("a"))["verified"] is True
    assert len(world.vendor.executed) == 1


@pytest.mark.parametrize("fault", ["executed_lost", "executed_late", "executed_bug"])
def test_an_update_without_an_answer_is_looked_up_and_not_sent_again(
    world: Any, result: Result, fault: str
) -> None:
    world.submit("a", rate="1.5", clear=["code1"])
    assert isinstance(world.deliver("a", fault), Skip)
    world.later(29)
    assert isinstance(world.deliver("a"), Skip)
    assert len(world.vendor.calls) == 1
    world.later()
    ended = result(world.deliver("a"))
    assert (ended["outcome"], ended["verified"], ended["sent"]) == (
        "applied",
        True,
        ["code1", "rate"],
    )
    assert len(world.vendor.executed) == 1


def test_an_update_that_was_not_executed_is_sent_again(world: Any, result: Result) -> None:
    world.submit("a", rate="1")
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.00"}
    world.deliver("a", "lost")
    world.later()
    ended = result(world.deliver("a"))
    assert (ended["outcome"], ended["verified"], ended["calls"]) == ("applied", False, 2)
    assert world.purposes() == ["update", "verify", "update"]
    assert len(world.vendor.executed) == 1


@pytest.mark.parametrize("executed", ["lost", "executed_lost"])
def test_where_a_change_shows_late_old_values_prove_nothing(
    make_world: Make, result: Result, executed: str
) -> None:
    world = make_world(read_lag_s=300.0)
    world.submit("a", rate="1")
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.00"}
    world.deliver("a", executed)
    world.later()
    step = world.deliver("a")
    if executed == "lost":
        # Old values may be shown for as long as the lag: they prove nothing before.
        assert isinstance(step, Skip)
        world.later(300)
        assert_failed(world.deliver("a"), errors.OutcomeUnknown)
        assert world.purposes() == ["update", "verify", "verify"]
    else:
        assert result(step)["verified"] is True
        assert world.purposes() == ["update", "verify"]


@pytest.mark.parametrize(
    ("fields", "product"),
    [({"do_not_prorate": True}, {"customer_product_id": 1}), ({"rate": "1"}, None)],
)
def test_what_no_query_can_prove_is_reported(world: Any, fields: Any, product: Any) -> None:
    world.submit("a", **fields)
    world.deliver("a", "lost")
    world.vendor.products = {1: product} if product else {}
    world.later()
    error = assert_failed(world.deliver("a"), errors.OutcomeUnknown)
    assert f"update of customer product 1 ({next(iter(fields))})" in str(error)
    assert world.vendor.executed == []


def test_an_unknown_outcome_is_not_overwritten_by_an_older_job(world: Any, result: Result) -> None:
    world.submit("old", do_not_prorate=False)
    newer = world.submit("new", do_not_prorate=True)
    world.deliver("old", "unavailable")
    world.deliver("new", "executed_lost")
    world.later()
    assert_failed(world.deliver("new"), errors.OutcomeUnknown)
    assert result(world.deliver("old"))["superseded_by"] == newer


@pytest.mark.parametrize("fault", ["rejected", "unavailable", "bug"])
def test_a_failed_look_up_is_made_again(world: Any, result: Result, fault: str) -> None:
    world.submit("a", rate="1")
    world.deliver("a", "executed_lost")
    world.later()
    assert isinstance(world.deliver("a", fault), Skip)
    world.later()
    assert result(world.deliver("a"))["verified"] is True


@pytest.mark.parametrize("fault", ["rejected", "unavailable"])
def test_a_look_up_that_fails_for_the_whole_deadline_ends_as_unknown(
    make_world: Make, fault: str
) -> None:
    world = make_world(max_attempts=3, deadline_s=600.0)
    world.submit("a", rate="1")
    world.deliver("a", "executed_lost")
    lookups = 0
    while isinstance(step := world.deliver("a", fault), Skip):
        world.later(300)
        lookups = world.purposes().count("verify")
    assert_failed(step, errors.OutcomeUnknown)
    assert 3 < lookups < 25
    assert len(world.vendor.executed) == 1


def test_an_update_that_is_sent_again_after_the_deadline_is_looked_up_again(
    make_world: Make, result: Result
) -> None:
    world = make_world(deadline_s=0.0)
    world.submit("a", rate="1")
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.00"}
    assert isinstance(world.deliver("a", "lost"), Skip)
    world.later()
    assert isinstance(world.deliver("a", "", "executed_lost"), Skip)
    world.later()
    assert result(world.deliver("a"))["verified"] is True
    assert world.purposes() == ["update", "verify", "update", "verify"]


def test_a_job_that_kills_its_workers_is_looked_up_before_it_is_given_up(
    make_world: Make, result: Result
) -> None:
    world = make_world(max_crashes=2)
    world.submit("a", rate="1")
    for fault in ("killed_first", "killed_sent"):
        assert world.deliver("a", fault) is None
        world.later()
    assert result(world.deliver("a"))["verified"] is True


def test_a_look_up_that_kills_its_workers_ends_as_unknown(make_world: Make) -> None:
    world = make_world(max_crashes=2)
    world.submit("a", rate="1")
    for fault in ("killed_sent", "killed"):
        assert world.deliver("a", fault) is None
        world.later()
    assert_failed(world.deliver("a"), errors.OutcomeUnknown)
    assert world.purposes() == ["update", "verify"]


def test_a_look_up_waits_for_its_call_without_losing_what_it_knows(
    world: Any, result: Result
) -> None:
    world.submit("a", rate="1")
    world.deliver("a", "executed_lost")
    world.later()
    assert isinstance(world.deliver("a", "throttled"), Requeue)
    assert result(world.deliver("a"))["verified"] is True
    assert len(world.vendor.executed) == 1


def test_a_worker_that_died_before_the_intent_has_sent_nothing(world: Any, result: Result) -> None:
    world.submit("a", rate="1")
    assert world.deliver("a", "killed_first") is None
    assert isinstance(world.deliver("a"), Skip)
    world.later()
    assert result(world.deliver("a"))["verified"] is False
    assert world.purposes() == ["update", "update"]


@pytest.mark.parametrize(("fault", "verified"), [("killed_unsent", False), ("killed_sent", True)])
def test_what_a_dead_worker_sent_is_looked_up(
    world: Any, result: Result, fault: str, *, verified: bool
) -> None:
    world.submit("a", rate="1")
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.00"}
    assert world.deliver("a", fault) is None
    world.later()
    assert result(world.deliver("a"))["verified"] is verified
    assert len(world.vendor.executed) == 1


def test_a_worker_that_stalled_beyond_its_lease_sends_nothing(world: Any) -> None:
    world.submit("a", rate="1")
    assert isinstance(world.deliver("a", "stalled"), Skip)
    assert world.vendor.executed == []


def test_a_fault_of_our_own_is_not_an_outcome(world: Any, result: Result) -> None:
    world.submit("a", rate="1")
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.00"}
    assert isinstance(world.deliver("a", "bug"), Skip)
    world.later()
    assert result(world.deliver("a"))["outcome"] == "applied"


def test_a_fault_of_our_own_that_lasts_is_told_without_its_text(make_world: Make) -> None:
    world = make_world(max_attempts=2)
    world.submit("a", rate="1", expected={"rate": "1"})
    assert isinstance(world.deliver("a", "bug"), Skip)
    world.later()
    error = assert_failed(world.deliver("a", "bug"), errors.RevioError)
    assert error.args == ("unexpected KeyError",)


def test_a_late_job_does_not_overwrite_a_newer_one(world: Any, result: Result) -> None:
    world.submit("old", rate="1")
    newer = world.submit("new", rate="2")
    world.deliver("old", "unavailable")
    world.deliver("new")
    world.later()
    ended = result(world.deliver("old"))
    assert (ended["outcome"], ended["superseded_by"], ended["calls"]) == ("superseded", newer, 0)
    assert world.vendor.products[1]["rate"] == "2.00"


def test_of_a_late_job_only_what_no_newer_one_set_is_sent(world: Any, result: Result) -> None:
    world.submit("old", rate="1", quantity=7, clear=["code1"])
    world.submit("new", rate="2", code1="x")
    world.deliver("old", "unavailable")
    world.deliver("new")
    world.later()
    assert result(world.deliver("old"))["sent"] == ["quantity"]
    product = world.vendor.products[1]
    assert (product["rate"], product["quantity"], product["code1"]) == ("2.00", 7, "x")


def test_an_expected_value_that_holds_lets_the_update_go(world: Any, result: Result) -> None:
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.50", "status": "ACTIVE"}
    world.submit("a", rate="1", expected={"rate": "9.5", "status": "ACTIVE", "code1": None})
    ended = result(world.deliver("a"))
    assert (ended["outcome"], ended["calls"]) == ("applied", 2)


def test_a_drifted_product_is_left_alone(world: Any, result: Result) -> None:
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.50", "status": "DENIED"}
    world.submit("a", rate="1", expected={"rate": "9.5", "status": "ACTIVE", "quantity": 1})
    ended = result(world.deliver("a"))
    assert ended["outcome"] == "drifted"
    assert ended["found"] == {"status": "DENIED", "quantity": None}
    assert world.vendor.executed == []


def test_nothing_can_be_expected_of_a_product_that_is_not_there(world: Any) -> None:
    world.submit("a", rate="1", expected={"rate": "9.5"})
    error = assert_failed(world.deliver("a"), errors.Rejected)
    assert str(error).endswith("there is no customer product 1")


UNREADABLE = UnreadableRecord(1, 2, 3, "rate", "rate holds text that is not a decimal")


def test_an_update_that_expects_something_of_an_unreadable_product_ends_and_names_it(
    world: Any,
) -> None:
    world.vendor.unreadable[1] = UNREADABLE
    world.submit("a", rate="1", expected={"rate": "9.5"})
    error = assert_failed(world.deliver("a"), errors.Unreadable)
    assert str(error) == (
        "the record of customer_product_id 1 cannot be read: rate holds text that is not a decimal"
    )
    assert world.vendor.executed == []


def test_what_became_of_an_update_is_found_out_once_its_product_can_be_read(
    world: Any, result: Result
) -> None:
    world.vendor.faults = iter(["executed_lost"])
    world.submit("a", rate="1")
    world.deliver("a")
    world.vendor.unreadable[1] = UNREADABLE
    world.later()
    assert isinstance(world.deliver("a"), Skip)
    world.vendor.unreadable.clear()
    world.later()
    assert result(world.deliver("a"))["verified"]
    assert len(world.vendor.executed) == 1


def test_an_outcome_is_offered_until_the_ledger_takes_it(world: Any, result: Result) -> None:
    world.submit("a", rate="1")
    world.flaky(["", "", *["refused"] * 20])
    assert result(world.deliver("a"))["outcome"] == "applied"
    assert world.outcome("a") is not None


def test_an_outcome_that_the_ledger_took_unheard_is_told_all_the_same(
    world: Any, result: Result
) -> None:
    world.submit("a", rate="1")
    world.flaky(["", "", "unheard"])
    ended = result(world.deliver("a"))
    assert world.outcome("a") == {"ok": ended}


def test_an_outcome_that_cannot_be_told_is_found_out_later(world: Any, result: Result) -> None:
    world.submit("a", rate="1")
    world.flaky(["", "", *["refused"] * 60])
    assert isinstance(world.deliver("a"), Skip)
    world.flaky([])
    world.later()
    assert result(world.deliver("a"))["verified"] is True
    assert len(world.vendor.executed) == 1


@pytest.mark.parametrize("fault", ["refused", "unheard"])
def test_nothing_is_sent_when_the_intent_cannot_be_told(
    world: Any, result: Result, fault: str
) -> None:
    world.submit("a", rate="1")
    world.flaky(["", fault])
    assert isinstance(world.deliver("a"), Skip)
    assert world.vendor.executed == []
    world.later()
    assert result(world.deliver("a"))["outcome"] == "applied"
    assert len(world.vendor.executed) == 1


def test_an_update_that_would_change_nothing_is_not_sent_if_it_may_be_skipped(
    world: Any, result: Result
) -> None:
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "12.5000", "code1": None}
    world.submit("a", rate="12.50", clear=["code1"], skip_unchanged=True)
    ended = result(world.deliver("a"))
    assert (ended["outcome"], ended["verified"], ended["calls"]) == ("applied", True, 1)
    assert "sent" not in ended
    assert world.vendor.executed == []


@pytest.mark.parametrize("wish", [{"rate": "12.51"}, {"rate": "12.5", "do_not_prorate": True}])
def test_an_update_that_may_change_something_is_sent(
    world: Any, result: Result, wish: dict[str, Any]
) -> None:
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "12.5000"}
    world.submit("a", skip_unchanged=True, **wish)
    assert result(world.deliver("a"))["sent"] == sorted(wish)


def test_where_changes_show_late_nothing_is_skipped(make_world: Any, result: Result) -> None:
    world = make_world(read_lag_s=300.0)
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "12.5000"}
    world.submit("a", rate="12.50", skip_unchanged=True)
    assert result(world.deliver("a"))["sent"] == ["rate"]
    assert world.purposes() == ["update"]


def test_what_is_expected_is_looked_at_when_our_last_change_must_show(
    make_world: Any, result: Result
) -> None:
    world = make_world(read_lag_s=300.0, max_attempts=1)
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.5"}
    world.submit("a", rate="1", expected={"rate": "9.5"})
    world.lag_left_s = 200.0
    assert isinstance(world.deliver("a"), Skip)
    world.later(199)
    assert isinstance(world.deliver("a"), Skip)
    assert world.purposes() == []
    world.later(2)
    world.lag_left_s = 0.0
    assert result(world.deliver("a"))["outcome"] == "applied"


def test_a_look_that_is_never_reliable_is_not_waited_for_for_ever(make_world: Any) -> None:
    world = make_world(read_lag_s=300.0, deadline_s=3600.0)
    world.submit("a", rate="1", expected={"rate": "9.5"})
    world.lag_left_s = 200.0
    world.later(100_000)  # only what it has waited for this counts, not how long it was in a queue
    for _ in range(19):
        assert isinstance(world.deliver("a"), Skip)
        world.later(200)
    assert_failed(world.deliver("a"), errors.Unavailable)
    assert world.vendor.executed == []


def test_a_skipped_update_still_wins_over_an_older_one_that_comes_late(
    world: Any, result: Result
) -> None:
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "12.5000"}
    world.submit("old", rate="10")
    world.submit("new", rate="12.50", skip_unchanged=True)
    world.deliver("old", "unavailable")
    assert result(world.deliver("new"))["outcome"] == "applied"
    world.later()
    assert result(world.deliver("old"))["outcome"] == "superseded"
    assert world.vendor.executed == []


def test_a_withdrawn_job_that_was_not_sent_ends_without_a_call(world: Any) -> None:
    world.submit("a", rate="1", expected={"rate": "3"})
    world.submit("b", rate="2")
    world.deliver("a", "unavailable")
    world.later()
    error = assert_failed(world.deliver("a", withdrawn="revoked"), errors.Withdrawn)
    assert str(error) == "revoked"
    assert world.purposes() == ["verify"]
    assert world.deliver("b").outcome["ok"]["outcome"] == "applied"


@pytest.mark.parametrize("executed", ["lost", "executed_lost"])
def test_a_withdrawn_job_that_was_sent_ends_as_it_did_and_is_not_sent_again(
    world: Any, executed: str
) -> None:
    world.vendor.products[1] = {"customer_product_id": 1, "rate": "9.00"}
    world.submit("a", rate="1")
    world.deliver("a", executed)
    world.later()
    step = world.deliver("a", withdrawn="revoked")
    assert world.purposes() == ["update", "verify"]
    if executed == "lost":
        assert_failed(step, errors.Withdrawn)
    else:
        assert step.outcome["ok"]["outcome"] == "applied"
