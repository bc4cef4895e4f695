from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from revio_jobs.contracts import Lane, queue_name
from revio_jobs.errors import Unavailable
from tests.patience import PATIENCE_S, wait_until
from worker.celery_app import lane_control
from worker.celery_app.lane_activity import LaneActivity
from worker.celery_app.lane_control import LaneControl
from worker.limiter import LaneClosure
from worker.limiter.port import AccountLane

LANES = [("default", lane) for lane in Lane]


class Consumer:
    """Runs what it was told to in any order, and forgets some of it, as Celery's does."""

    def __init__(self) -> None:
        self.consumes = {queue_name(*where) for where in LANES}
        self.soon: list[tuple[Callable[..., None], tuple[str, ...]]] = []

    def call_soon(self, function: Callable[..., None], *args: str) -> None:
        self.soon.append((function, args))

    def takes_from(self, queue: str) -> bool:
        return queue in self.consumes

    def add_task_queue(self, queue: str) -> None:
        self.consumes.add(queue)

    def cancel_task_queue(self, queue: str) -> None:
        self.consumes.discard(queue)

    def run(self, order: Callable[[list[Any]], list[Any]]) -> None:
        todo, self.soon = order(self.soon), []
        for function, args in todo:
            function(*args)


class Closures:
    """Implements what LaneControl needs of LaneClosures."""

    def __init__(self) -> None:
        self.lanes: set[Lane] = set()
        self.is_away = False

    def among(
        self, lanes: Iterable[AccountLane], used: Iterable[AccountLane]
    ) -> dict[AccountLane, LaneClosure]:
        if self.is_away:
            raise Unavailable("Redis")
        spent = "the day's calls are spent"
        return {where: LaneClosure(where[1], spent) for where in used if where[1] in self.lanes}


def activity() -> LaneActivity:
    """Both lanes are used."""
    noted = LaneActivity()
    for where in LANES:
        noted.note(queue_name(*where))
    return noted


def test_a_worker_whose_loop_stands_still_says_it_once_and_serves_no_lane_until_it_turns() -> None:
    consumer = Consumer()
    control: Any = LaneControl(consumer, LANES, Closures(), activity())  # type: ignore[arg-type]
    with capture_logs() as logged:
        for _ in range(60):
            control.update()
            assert control.serving == frozenset(LANES)
        for _ in range(3):
            control.update()
            assert control.stands_still
            assert control.serving == frozenset()
    [said] = [line for line in logged if line["event"] == "loop_stands_still"]
    assert said["log_level"] == "error"
    assert "update (celery_app/lane_control.py:" in said["at"]
    consumer.run(lambda todo: todo[-1:])
    assert not control.stands_still
    assert control.serving == frozenset(LANES)


def test_a_worker_that_is_told_to_stop_serves_no_lane_and_its_loop_need_not_turn() -> None:
    told: list[str] = []
    control: Any = LaneControl(
        Consumer(),  # type: ignore[arg-type]
        LANES,
        Closures(),  # type: ignore[arg-type]
        activity(),
        is_ending=lambda: bool(told),
    )
    told.append("stop")
    with capture_logs() as logged:
        for _ in range(100):
            control.update()
    assert "loop_stands_still" not in [line["event"] for line in logged]
    assert not control.stands_still
    assert control.serving == frozenset()


def test_a_worker_that_waits_for_redis_counts_when_redis_is_back() -> None:
    closures = Closures()
    control: Any = LaneControl(Consumer(), LANES, closures, activity())  # type: ignore[arg-type]
    for _ in range(60):
        control.update()
    closures.is_away = True
    with pytest.raises(Unavailable):
        control.update()
    closures.is_away = False
    control.update()
    assert control.serving == frozenset(LANES)


moments = st.lists(st.one_of(st.sampled_from(list(Lane)), st.just("update"), st.just("run")))


@given(moments, st.randoms(use_true_random=False))
def test_a_lane_is_as_the_last_update_left_it_in_whatever_order_celery_obeys(
    story: list[Any], chance: Any
) -> None:
    def some_in_any_order(todo: list[Any]) -> list[Any]:
        return chance.sample(todo, chance.randint(0, len(todo)))

    closures, consumer = Closures(), Consumer()
    control: Any = LaneControl(consumer, LANES, closures, activity())  # type: ignore[arg-type]
    for moment in story:
        if moment == "update":
            control.update()
        elif moment == "run":
            consumer.run(some_in_any_order)
        else:
            closures.lanes ^= {moment}
    closures.lanes.clear()
    control.update()
    consumer.run(lambda todo: chance.sample(todo, len(todo)))
    assert consumer.consumes == {queue_name(*where) for where in LANES}
    assert control.closed == {}


def test_a_job_that_backs_off_waits_until_no_more_messages_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane_control, "_STOPPED_WITHIN_S", PATIENCE_S)
    closures, consumer = Closures(), Consumer()
    control: Any = LaneControl(consumer, LANES, closures, activity())  # type: ignore[arg-type]
    backing_off = threading.Thread(
        target=control.back_off, args=("default", Lane.BULK, 10.0, "the vendor said so")
    )
    backing_off.start()
    wait_until(lambda: consumer.soon)
    assert backing_off.is_alive()
    consumer.run(list)
    backing_off.join(PATIENCE_S)
    assert not backing_off.is_alive()
    assert consumer.consumes == {queue_name("default", Lane.INTERACTIVE)}
