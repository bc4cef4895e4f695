"""What each field accepts and refuses, for producers and raw messages alike."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from revio_jobs.contracts import CHANGE_NAMES, Expected, QueryJob, UpdateJob
from revio_jobs.contracts.decode import decode
from revio_jobs.errors import InvalidJob

INT32_MAX = 2**31 - 1

ids = st.integers(1, INT32_MAX)
counts = st.integers(0, INT32_MAX)
days = st.dates(date(1900, 1, 1))
texts = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=500
)
amounts = st.decimals(-(10**15), 10**15, places=4, allow_nan=False, allow_infinity=False).filter(
    lambda value: abs(value) < 10**15
)
# The same price in every form that is exact.
prices = st.one_of(
    amounts,
    amounts.map(lambda value: format(value, "f")),
    st.integers(1 - 10**15, 10**15 - 1),
    st.builds(Decimal.scaleb, st.integers(1, 9).map(Decimal), st.integers(0, 14)),
)
changes: dict[str, st.SearchStrategy[Any]] = {
    "rate": prices,
    "quantity": counts,
    "description": texts,
    "code1": texts,
    "code2": texts,
    "activated_date": days | days.map(date.isoformat),
    "disconnect_date": days | days.map(date.isoformat),
    "do_not_prorate": st.booleans(),
}
expectations = st.fixed_dictionaries(
    {},
    optional={
        name: st.none() | strategy
        for name, strategy in {**changes, "status": texts}.items()
        if name != "do_not_prorate"
    },
)


@st.composite
def update_fields(draw: st.DrawFn) -> dict[str, Any]:
    named = draw(st.sets(st.sampled_from(CHANGE_NAMES), min_size=1))
    cleared = draw(st.sets(st.sampled_from(sorted(named)))) if named else set()
    fields: dict[str, Any] = {name: draw(changes[name]) for name in sorted(named - cleared)}
    fields |= {"id": draw(ids)} | ({"clear": sorted(cleared)} if cleared else {})
    optional = {
        "account": st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True),
        "idempotency_key": texts.map(lambda text: text[:200]).filter(bool),
        "expected": expectations,
    }
    return fields | draw(st.fixed_dictionaries({}, optional=optional))


query_fields = st.fixed_dictionaries(
    {},
    optional={
        "ids": st.lists(ids),
        "customer_ids": st.lists(ids),
        "line_ids": st.lists(ids),
        "max_age": counts,
    },
).filter(lambda fields: any(fields.get(name) for name in ("ids", "customer_ids", "line_ids")))


@given(update_fields())
def test_an_accepted_update_survives_the_wire(fields: dict[str, Any]) -> None:
    job = decode(UpdateJob, fields)
    carried = json.loads(json.dumps(job.kwargs()))
    assert decode(UpdateJob, carried) == job
    assert set(carried) == {*fields, "account"}


@given(query_fields)
def test_an_accepted_query_survives_the_wire(fields: dict[str, Any]) -> None:
    job = decode(QueryJob, fields)
    carried = json.loads(json.dumps(job.kwargs()))
    assert decode(QueryJob, carried) == job
    assert set(carried) == {*fields, "account"}


@given(prices)
def test_a_price_goes_out_as_a_plain_decimal_of_the_same_value(price: Any) -> None:
    wire = decode(UpdateJob, {"id": 1, "rate": price}).kwargs()["rate"]
    assert Decimal(wire) == Decimal(price)
    assert set(wire) <= set("-.0123456789")


def test_a_negative_zero_goes_out_as_zero() -> None:
    assert decode(UpdateJob, {"id": 1, "rate": "-0.00"}).kwargs()["rate"] == "0.00"


def refusal(kind: type[QueryJob | UpdateJob], fields: dict[str, Any]) -> str:
    with pytest.raises(InvalidJob) as caught:
        decode(kind, fields)
    [problem] = caught.value.problems
    assert str(caught.value) == problem
    assert str(json.loads(json.dumps(problem))).isprintable()
    return str(problem)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: UpdateJob(id=1, rate=1.5), "rate: 1.5 is not allowed: a float is not exact"),  # type: ignore[arg-type]
        (lambda: UpdateJob(rate="1"), "id: required"),  # type: ignore[call-arg]
        (lambda: UpdateJob(id=1), "no change: give at least one of rate"),
        (lambda: UpdateJob(id=1, rate="1", expected=Expected(rate=1.5)), "rate: 1.5 is not"),  # type: ignore[arg-type]
        (QueryJob, "give at least one of ids"),
        (lambda: QueryJob(ids=5), "ids: 5 is not allowed: expected a list of ids"),  # type: ignore[arg-type]
        (lambda: UpdateJob(id=1, clear="code1"), "clear: 'code1' is not allowed: expected a list"),  # type: ignore[arg-type]
    ],
)
def test_a_job_that_breaks_the_contract_cannot_be_made(
    make: Callable[[], object], says: str
) -> None:
    with pytest.raises(InvalidJob) as caught:
        make()
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("part", "fields", "known"),
    [
        ("expected", {}, "activated_date, code1, code2"),
        ("campaign", {"run": "june"}, "billed_through_date, cost, quantity"),
    ],
)
def test_an_unknown_field_is_told_with_those_that_are_known_there(
    part: str, fields: dict[str, Any], known: str
) -> None:
    text = refusal(UpdateJob, {"id": 1, "rate": "1", part: fields | {"nope": 1}})
    assert text.startswith(f"{part}.nope: 1 is not allowed: unknown field; allowed are {known}")


def test_pydantics_own_ways_to_make_a_job_stay_as_they_are() -> None:
    job = UpdateJob(id=1, rate="1.50", expected=Expected(rate="1"))
    for made in (
        UpdateJob.model_validate(job.kwargs()),
        UpdateJob.model_validate_json(job.payload()),
        TypeAdapter(UpdateJob).validate_python(job.kwargs()),
        pickle.loads(pickle.dumps(job)),
        job.model_copy(),
    ):
        assert (made, made.kwargs()) == (job, job.kwargs())
    with pytest.raises(ValidationError, match="a float is not exact"):
        UpdateJob.model_validate({"id": 1, "rate": 1.5})
    assert list(inspect.signature(UpdateJob).parameters) == [*UpdateJob.model_fields]


NOT_PRICES = [
    (12.5, "a float is not exact"),
    (float("nan"), "a float is not exact"),
    (True, "expected a Decimal or a string"),
    (b"1", "expected a Decimal or a string"),
    (["1"], "expected a Decimal or a string"),
    ("1e-07", "expected a plain decimal"),
    ("1E3", "expected a plain decimal"),
    ("NaN", "expected a plain decimal"),
    ("", "expected a plain decimal"),
    (" 1", "expected a plain decimal"),
    ("1_000", "expected a plain decimal"),
    ("1,5", "expected a plain decimal"),
    ("$1", "expected a plain decimal"),
    ("\u0661\u0662", "expected a plain decimal"),
    (Decimal("NaN"), "finite"),
    (Decimal("sNaN"), "finite"),
    (Decimal("-Infinity"), "finite"),
    ("0.12345", "4 decimal"),
    ("10.00000", "4 decimals"),
    (Decimal("1E-5"), "4 decimal"),
    (10**15, "15 digits before the decimal point"),
    (Decimal("1E+15"), "15 digits before the decimal point"),
    (10**20, "19 digits"),
]
NOT_IDS = [
    (True, "valid integer"),
    (1.0, "valid integer"),
    ("1", "valid integer"),
    (None, "valid integer"),
    (0, "greater than or equal to 1"),
    (-1, "greater than or equal to 1"),
    (2**31, "less than or equal to 2147483647"),
    (10**40, "less than or equal to 2147483647"),
]
NOT_COUNTS = [
    (True, "valid integer"),
    (2.0, "valid integer"),
    ("2", "valid integer"),
    (-1, "greater than or equal to 0"),
    (2**31, "less than or equal to 2147483647"),
]
NOT_TEXTS = [
    (5, "valid string"),
    (b"x", "valid string"),
    ("x" * 501, "at most 500 characters"),
    ("two\nlines", "found U+000A at position 3"),
    ("tab\t", "found U+0009 at position 3"),
    ("\x00", "found U+0000 at position 0"),
    ("next\x85line", "found U+0085 at position 4"),
    ("\uffff", "found U+FFFF at position 0"),
    ("\ud800", "valid string"),
]
NOT_DAYS = [
    (datetime(2026, 1, 31, tzinfo=UTC), "ISO date such as 2026-01-31"),
    ("2026-01-31T00:00:00", "ISO date such as 2026-01-31"),
    ("31.01.2026", "ISO date such as 2026-01-31"),
    ("\u0662026-01-31", "ISO date such as 2026-01-31"),
    (20260131, "ISO date such as 2026-01-31"),
    ("2026-02-30", "the calendar has no such day"),
    ("0001-01-01", "datetime.date(1900, 1, 1)"),
    (date(1899, 12, 31), "datetime.date(1900, 1, 1)"),
]
NOT_FLAGS = [("no", "valid boolean"), ("true", "valid boolean"), (0, "boolean"), (1, "boolean")]
NOT_KEYS = [*NOT_TEXTS[:2], ("", "at least 1"), ("x" * 201, "at most 200"), *NOT_TEXTS[3:]]
NOT_ACCOUNTS = [(name, "match pattern") for name in ("", "Acme", "a.b", "a\n", "-a", "x" * 33)]
NOT_CHANGE_NAMES = [("rates", "'rate', 'quantity'"), ("id", "'rate', 'quantity'"), (1, "'rate'")]

REFUSED_CHANGES = {
    "rate": NOT_PRICES,
    "quantity": NOT_COUNTS,
    "description": NOT_TEXTS,
    "code1": NOT_TEXTS,
    "code2": NOT_TEXTS,
    "activated_date": NOT_DAYS,
    "disconnect_date": NOT_DAYS,
}
REFUSED_IN_UPDATES = {
    **REFUSED_CHANGES,
    "do_not_prorate": NOT_FLAGS,
    "id": NOT_IDS,
    "idempotency_key": NOT_KEYS,
    "account": NOT_ACCOUNTS,
    "clear": [
        ("rate", "expected a list of field names"),
        (None, "expected a list of field names"),
        ({"rate": 1}, "expected a list of field names"),
    ],
    "expected": [(5, "dictionary"), ("rate", "dictionary")],
}
REFUSED_IN_QUERIES = {
    name: [(value, "expected a list of ids") for value in (5, "12", None, {"1": 2})]
    for name in ("ids", "customer_ids", "line_ids")
} | {"max_age": NOT_COUNTS, "account": NOT_ACCOUNTS}


def each(refused: dict[str, list[tuple[Any, str]]]) -> list[tuple[str, Any, str]]:
    return [(name, value, why) for name, values in refused.items() for value, why in values]


def assert_names(problem: str, field: str, value: object, why: str) -> None:
    assert problem.startswith(f"{field}: {repr(value)[:79]}")
    assert "is not allowed: " in problem
    assert why in problem


@pytest.mark.parametrize(("name", "value", "why"), each(REFUSED_IN_UPDATES))
def test_an_update_refuses_what_could_mean_something_else(name: str, value: Any, why: str) -> None:
    problem = refusal(UpdateJob, {"id": 1, "code2": "x", name: value})
    assert_names(problem, name, value, why)


@pytest.mark.parametrize(("name", "value", "why"), each(REFUSED_IN_QUERIES))
def test_a_query_refuses_what_could_mean_something_else(name: str, value: Any, why: str) -> None:
    assert_names(refusal(QueryJob, {"line_ids": [1], name: value}), name, value, why)


@pytest.mark.parametrize(("name", "value", "why"), each(REFUSED_CHANGES | {"status": NOT_TEXTS}))
def test_an_expected_value_is_held_to_the_same_rules(name: str, value: Any, why: str) -> None:
    problem = refusal(UpdateJob, {"id": 1, "quantity": 1, "expected": {name: value}})
    assert_names(problem, f"expected.{name}", value, why)


@pytest.mark.parametrize(("value", "why"), NOT_IDS)
def test_each_id_of_a_query_is_checked(value: Any, why: str) -> None:
    assert_names(refusal(QueryJob, {"ids": [7, value]}), "ids.1", value, why)


@pytest.mark.parametrize(("value", "why"), NOT_CHANGE_NAMES)
def test_only_changeable_fields_can_be_cleared(value: Any, why: str) -> None:
    assert_names(refusal(UpdateJob, {"id": 1, "clear": ["rate", value]}), "clear.1", value, why)


@pytest.mark.parametrize("name", CHANGE_NAMES)
def test_null_is_not_a_change(name: str) -> None:
    says = refusal(UpdateJob, {"id": 1, name: None})
    assert says == f"{name}: null is not a value; to empty a field name it in clear"


@given(st.sampled_from(CHANGE_NAMES), st.data())
def test_a_field_cannot_be_set_and_cleared(name: str, data: st.DataObject) -> None:
    fields = {"id": 1, name: data.draw(changes[name]), "clear": [name]}
    assert refusal(UpdateJob, fields) == f"{name}: given a value and named in clear"


@pytest.mark.parametrize("nothing", [{}, {"clear": []}, {"expected": {"rate": "1"}}])
def test_an_update_changes_something(nothing: dict[str, Any]) -> None:
    says = refusal(UpdateJob, {"id": 1, **nothing})
    assert says == f"no change: give at least one of {', '.join(CHANGE_NAMES)}, or clear"


@pytest.mark.parametrize("nothing", [{}, {"ids": []}, {"ids": [], "line_ids": [], "max_age": 5}])
def test_a_query_has_a_filter(nothing: dict[str, Any]) -> None:
    says = "give at least one of ids, customer_ids, line_ids"
    assert refusal(QueryJob, nothing) == says


@pytest.mark.parametrize(
    ("kind", "fields", "where", "model"),
    [
        (UpdateJob, {"id": 1, "rate": "1", "rte": 5}, "rte", UpdateJob),
        (UpdateJob, {"id": 1, "rate": "1", "expected": {"rte": 5}}, "expected.rte", Expected),
        (QueryJob, {"ids": [1], "rte": 5}, "rte", QueryJob),
    ],
)
def test_an_unknown_field_is_refused_and_the_known_are_told(
    kind: type[QueryJob | UpdateJob], fields: dict[str, Any], where: str, model: Any
) -> None:
    allowed = ", ".join(sorted(model.model_fields))
    says = f"{where}: 5 is not allowed: unknown field; allowed are {allowed}"
    assert refusal(kind, fields) == says


def test_an_update_says_which_product() -> None:
    assert refusal(UpdateJob, {"rate": "1"}) == "id: required"


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidJob) as caught:
        decode(UpdateJob, {"id": 0, "rate": 1.5, "rte": 1})
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["rate", "id", "rte"]


def test_a_long_value_is_shown_in_part() -> None:
    assert len(refusal(UpdateJob, {"id": 1, "description": "x" * 100_000})) < 200


@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists)
    )
)
def test_whatever_a_raw_message_holds_is_a_job_or_an_invalid_job(fields: dict[str, Any]) -> None:
    for kind in (QueryJob, UpdateJob):
        with pytest.raises(InvalidJob):
            decode(kind, fields)
