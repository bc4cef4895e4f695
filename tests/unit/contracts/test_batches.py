"""What is sent to Redis again, and what never is."""

from __future__ import annotations

import pytest
from celery import Celery
from redis.exceptions import NoScriptError, ReadOnlyError

from revio_jobs import Lane, QueryJob, UpdateJob
from revio_jobs.batches import Delivery, deliveries
from revio_jobs.contracts import Job

UNKNOWN = NoScriptError("No matching script")


@pytest.fixture
def delivery() -> Delivery:
    """Of a query, two updates and a query."""
    jobs: list[Job] = [
        QueryJob(ids=[1]),
        UpdateJob(id=1, rate="1"),
        UpdateJob(id=2, rate="1"),
        QueryJob(ids=[2]),
    ]
    [delivery] = deliveries(Celery(set_as_current=False), jobs, Lane.BULK)
    return delivery


def test_neighbours_of_one_kind_share_a_command(delivery: Delivery) -> None:
    assert [command[0] for command in delivery.commands()] == ["LPUSH", "EVALSHA", "LPUSH"]


def test_only_what_redis_refused_goes_again_when_it_does_not_know_the_script(
    delivery: Delivery,
) -> None:
    _, update, _ = delivery.commands()

    assert delivery.read([1, UNKNOWN, 2])
    assert delivery.commands() == [update]
    assert not delivery.read([[1, [b"attached"]]])
    assert not delivery.commands()
    assert [known.submission for known in delivery.submitted()] == ["new", "new", "attached", "new"]


def test_a_server_that_forgets_the_script_each_time_is_given_up(delivery: Delivery) -> None:
    assert delivery.read([1, UNKNOWN, 2])
    assert delivery.read([UNKNOWN])
    assert delivery.read([UNKNOWN])
    with pytest.raises(NoScriptError):
        delivery.read([UNKNOWN])


def test_another_error_is_the_callers(delivery: Delivery) -> None:
    with pytest.raises(ReadOnlyError):
        delivery.read([1, ReadOnlyError("no"), 2])
