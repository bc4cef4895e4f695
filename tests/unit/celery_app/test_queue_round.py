from __future__ import annotations

from revio_jobs.contracts import Lane, queue_name
from worker.celery_app.lane_activity import LaneActivity
from worker.celery_app.queue_round import QueueRound

QUEUES = [queue_name(f"account{number}", lane) for number in range(100) for lane in Lane]
TURN_S = 0.035


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def round_of(clock: Clock) -> tuple[QueueRound, LaneActivity]:
    activity = LaneActivity(clock)
    return QueueRound(activity, clock), activity


def test_every_unused_queue_has_its_turn_and_interactive_ones_soon() -> None:
    clock = Clock()
    queues, _ = round_of(clock)
    looked_at: list[str] = []
    for turn in range(1, 17):
        clock.now = turn * TURN_S
        looked_at += queues.next(QUEUES)[1]
        if turn == 4:
            assert {name for name in QUEUES if "interactive" in name} <= set(looked_at)
    assert set(looked_at) == set(QUEUES)


def test_a_queue_in_use_is_asked_every_time_until_it_is_quiet() -> None:
    clock = Clock()
    queues, activity = round_of(clock)
    activity.note(QUEUES[5])
    assert queues.next(QUEUES)[0] == [QUEUES[5]]
    assert queues.next(QUEUES)[0] == [QUEUES[5]]
    clock.now = 10.1
    assert queues.next(QUEUES)[0] == []


def test_requests_in_quick_succession_do_not_ask_for_unused_queues() -> None:
    clock = Clock()
    clock.now = 1.0
    queues, _ = round_of(clock)
    assert queues.next(QUEUES)[1]
    assert not queues.next(QUEUES)[1]


def test_a_few_queues_are_asked_every_time() -> None:
    queues, _ = round_of(Clock())
    assert queues.next(QUEUES[:2]) == (QUEUES[:2], [])
