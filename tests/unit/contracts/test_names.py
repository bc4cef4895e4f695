from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.contracts import (
    CHANGE_NAMES,
    DEFAULT_ACCOUNT,
    QUERY_TASK,
    UPDATE_TASK,
    Lane,
    QueryJob,
    UpdateJob,
    job_id_of,
    parse_queue_name,
    queue_name,
)
from revio_jobs.contracts.names import SOURCE_HEADER

ACCOUNTS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)


def test_the_names_on_the_wire_never_change() -> None:
    assert QUERY_TASK == "revio.customer_products.query"
    assert UPDATE_TASK == "revio.customer_products.update"
    assert DEFAULT_ACCOUNT == "default"
    assert [lane.value for lane in Lane] == ["interactive", "bulk"]
    assert queue_name("default", Lane.INTERACTIVE) == "revio.default.interactive"
    assert queue_name("acme", Lane.BULK) == "revio.acme.bulk"


def test_the_fields_on_the_wire_never_change() -> None:
    changes = (
        "rate",
        "quantity",
        "description",
        "code1",
        "code2",
        "activated_date",
        "disconnect_date",
        "do_not_prorate",
    )
    others = {
        *("account", "id", "idempotency_key", "clear", "expected", "campaign", "skip_unchanged"),
        "source",
    }
    assert changes == CHANGE_NAMES
    assert set(UpdateJob.model_fields) == {*changes, *others}
    filters = {"ids", "customer_ids", "line_ids"}
    assert set(QueryJob.model_fields) == {"account", *filters, "max_age", "source"}
    assert SOURCE_HEADER == "revio_source"


def test_a_job_id_is_the_same_for_the_same_key_in_every_release() -> None:
    assert job_id_of("default", "order-4711") == "3d87c184-4585-5a52-b48b-e9455fbe664d"


@given(ACCOUNTS, st.text(min_size=1), ACCOUNTS, st.text(min_size=1))
def test_only_the_same_account_and_key_give_the_same_job_id(
    account: str, key: str, other_account: str, other_key: str
) -> None:
    same = (account, key) == (other_account, other_key)
    assert (job_id_of(account, key) == job_id_of(other_account, other_key)) is same


@given(ACCOUNTS, st.sampled_from(Lane))
def test_a_queue_name_tells_its_account_and_lane(account: str, lane: Lane) -> None:
    assert parse_queue_name(queue_name(account, lane)) == (account, lane)


@pytest.mark.parametrize(
    "queue",
    [
        "celery",
        "revio.default",
        "revio.default.slow",
        "revio.De.bulk",
        "revio..bulk",
        "xrevio.a.bulk",
        "revio.a.bulk\n",
    ],
)
def test_other_queues_are_not_ours(queue: str) -> None:
    assert parse_queue_name(queue) is None


def test_a_job_id_is_a_uuid_as_celery_makes_them() -> None:
    assert str(uuid.UUID(job_id_of("default", "k"))) == job_id_of("default", "k")
