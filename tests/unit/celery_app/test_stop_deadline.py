from __future__ import annotations

from worker.celery_app.stop_deadline import StopDeadline


class Worker:
    """Has jobs that run until the given seconds; what it left with, and when."""

    def __init__(self, busy_until: float) -> None:
        self._busy_until = busy_until
        self.active: set[str] = {"job"} if busy_until else set()
        self.now = 0.0
        self.left: list[tuple[int, float]] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._busy_until:
            self.active.clear()


def leave(worker: Worker) -> float:
    StopDeadline(
        30.0,
        active=worker.active,
        leave=lambda code: worker.left.append((code, worker.now)),
        clock=worker.clock,
        sleep=worker.sleep,
    ).watch()
    [(code, at)] = worker.left
    assert code == 0
    return at


def test_an_idle_worker_leaves_after_its_grace() -> None:
    assert leave(Worker(busy_until=0)) == 30.0


def test_a_worker_leaves_only_when_its_jobs_have_ended_and_the_grace_has_passed() -> None:
    assert 129 <= leave(Worker(busy_until=100)) <= 131
