from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.contracts import Lane, queue_name
from worker.celery_app.lane_control import Gatekeeper
from worker.limiter import Bound, Refused

LANES = [("default", lane) for lane in Lane]


class Consumer:
    """Runs what it was told to in any order, and forgets some of it, as Celery's does."""

    def __init__(self) -> None:
        self.consumes = {queue_name(*where) for where in LANES}
        self.soon: list[tuple[Callable[[str], None], str]] = []

    def call_soon(self, function: Callable[[str], None], queue: str) -> None:
        self.soon.append((function, queue))

    def add_task_queue(self, queue: str) -> None:
        self.consumes.add(queue)

    def cancel_task_queue(self, queue: str) -> None:
        self.consumes.discard(queue)

    def run(self, order: Callable[[list[Any]], list[Any]]) -> None:
        todo, self.soon = order(self.soon), []
        for function, queue in todo:
            function(queue)


class World:
    """Implements what the gatekeeper asks of Limiter and LanePauses."""

    def __init__(self) -> None:
        self.refused: set[Lane] = set()

    def closed(self, account: str, lane: Lane) -> Refused | None:
        return Refused(Bound.DAY, 100.0) if lane in self.refused else None

    def get(self, account: str, lane: Lane) -> None:
        return None


moments = st.lists(st.one_of(st.sampled_from(list(Lane)), st.just("look"), st.just("run")))


@given(moments, st.randoms(use_true_random=False))
def test_a_lane_is_as_the_last_look_found_it_in_whatever_order_celery_obeys(
    story: list[Any], chance: Any
) -> None:
    def some_in_any_order(todo: list[Any]) -> list[Any]:
        return chance.sample(todo, chance.randint(0, len(todo)))

    world, consumer = World(), Consumer()
    keeper: Any = Gatekeeper(consumer, LANES, world, world)  # type: ignore[arg-type]
    for moment in story:
        if moment == "look":
            keeper.look()
        elif moment == "run":
            consumer.run(some_in_any_order)
        else:
            world.refused ^= {moment}
    world.refused.clear()
    keeper.look()
    consumer.run(lambda todo: chance.sample(todo, len(todo)))
    assert consumer.consumes == {queue_name(*where) for where in LANES}
    assert keeper.closed == {}


def test_a_job_that_rests_its_lane_waits_until_no_more_messages_come() -> None:
    world, consumer = World(), Consumer()
    keeper: Any = Gatekeeper(consumer, LANES, world, world)  # type: ignore[arg-type]
    resting = threading.Thread(
        target=keeper.rest, args=("default", Lane.BULK, 10.0, "the vendor said so")
    )
    resting.start()
    while not consumer.soon:
        pass
    assert resting.is_alive()
    consumer.run(list)
    resting.join(1)
    assert not resting.is_alive()
    assert consumer.consumes == {queue_name("default", Lane.INTERACTIVE)}
