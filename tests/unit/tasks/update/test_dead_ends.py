"""Jobs that no attempt brings to an end are ended, and why they failed is kept."""

from __future__ import annotations

from typing import Any

from revio_jobs.contracts import Lane, UpdateJob
from revio_jobs.errors import Abandoned, InvalidJob, OutcomeUnknown
from tasks.decision import Done


def error_of(step: Any) -> Any:
    assert isinstance(step, Done), step
    return step.error


def test_a_job_that_every_worker_dies_of_is_given_to_no_more_than_eight(world: Any) -> None:
    world.submit("a", rate="1")
    for _ in range(8):
        assert world.deliver("a", "killed_first") is None
        world.later()
    calls = len(world.vendor.calls)
    error = error_of(world.deliver("a"))
    assert (type(error), error.workers) == (Abandoned, 8)
    assert len(world.vendor.calls) == calls
    assert [type(letter.error) for letter in world.ledger.dead_letters("default")] == [Abandoned]


def test_the_outcome_is_unknown_of_one_that_may_have_been_sent_meanwhile(world: Any) -> None:
    world.submit("a", rate="1")
    for fault in ["killed_unsent", *["killed"] * 7]:
        assert world.deliver("a", fault) is None
        world.later()
    assert isinstance(error_of(world.deliver("a")), OutcomeUnknown)


def test_a_worker_that_says_anything_breaks_the_row(world: Any, result: Any) -> None:
    world.submit("a", rate="1")
    for fault in [*["killed_first"] * 7, "unavailable", "killed_first"]:
        world.deliver("a", fault)
        world.later(400)
    assert result(world.deliver("a"))["outcome"] == "applied"


def test_each_failed_attempt_is_told_in_the_dead_letter(world: Any) -> None:
    world.submit("a", rate="1")
    for fault in ["unavailable", "unavailable", "rejected"]:
        world.deliver("a", fault)
        world.later(400)
    [letter] = world.ledger.dead_letters("default")
    assert [attempt.says for attempt in letter.history] == ["Unavailable: no answer"] * 2
    assert type(letter.error).__name__ == "Rejected"


def test_a_raw_job_of_an_unknown_account_is_kept_for_a_person(world: Any) -> None:
    job = UpdateJob(id=1, rate="1", account="nobody")
    error = error_of(world.handler.run(job, "raw", Lane.BULK))
    assert isinstance(error, InvalidJob)
    [letter] = world.ledger.dead_letters("nobody")
    assert (letter.job_id, str(letter.error)) == ("raw", str(error))
    assert world.vendor.calls == []
