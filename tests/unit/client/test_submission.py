"""What callers may pass, and what they hear of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest

from revio_jobs import UpdateJob
from revio_jobs.errors import InvalidJob
from revio_jobs.testing import InMemoryRevio, InMemoryRevioJobs


class Key(str, Enum):  # noqa: UP042 - as services have them; its text is "Key.JUNE"
    JUNE = "june:1"


class Array:
    """As numpy's: it compares each of its items, and has no truth."""

    def __iter__(self) -> Iterator[int]:
        return iter([1, 2])

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.fixture
def jobs() -> InMemoryRevioJobs:
    return InMemoryRevioJobs(InMemoryRevio([{"customer_product_id": 1, "rate": "10.00"}]))


@pytest.mark.parametrize("value", ["no", "false", 1, 0, None])
def test_skip_unchanged_is_true_or_false(jobs: InMemoryRevioJobs, value: Any) -> None:
    with pytest.raises(InvalidJob, match=r"^skip_unchanged: .* is not allowed"):
        jobs.update(id=1, rate="11", skip_unchanged=value)


def test_an_update_is_found_by_its_key_also_if_that_is_a_member_of_an_enum(
    jobs: InMemoryRevioJobs,
) -> None:
    handle = jobs.update(id=1, rate="11", idempotency_key=Key.JUNE)
    for key in (Key.JUNE, "june:1"):
        known = jobs.find("default", key)
        assert known
        assert known.job_id == handle.job_id


@pytest.mark.parametrize(
    ("account", "key", "problem"),
    [
        ("Default", "k", "account: 'Default' is not allowed"),
        ("june:1", "default", "account: 'june:1' is not allowed"),
        ("default", "", "idempotency_key: '' is not allowed"),
        ("default", None, "idempotency_key: None is not allowed"),
        ("default", 5, "idempotency_key: 5 is not allowed"),
        ("default", "\ud800", r"idempotency_key: '\\ud800' is not allowed"),
        ("default", "k" * 201, "idempotency_key: .* is not allowed"),
    ],
)
def test_a_key_that_no_update_can_have_is_refused_when_it_is_looked_for(
    jobs: InMemoryRevioJobs, account: Any, key: Any, problem: str
) -> None:
    with pytest.raises(InvalidJob, match=f"^{problem}"):
        jobs.find(account, key)


def test_ids_may_be_an_array(jobs: InMemoryRevioJobs) -> None:
    ids: Any = Array()
    assert jobs.query(ids=ids).result(0).missing_ids == (2,)


@pytest.mark.parametrize("value", [10**5000, Unprintable()], ids=["int", "unprintable"])
def test_a_value_that_cannot_be_shown_is_named_by_its_type(value: Any) -> None:
    with pytest.raises(InvalidJob, match=f"^id: <{type(value).__name__}> is not allowed"):
        UpdateJob(id=value, rate="1")
