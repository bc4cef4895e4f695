"""What a request leaves out, nulls or sets has the meaning that the declared shape gives it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

NIL = 'xsi:nil="true"'


def test_a_field_that_is_left_out_stays_as_it_is(bench: Callable) -> None:
    for shape in ("optional", "nillable", "optional-nillable", "wrapped", "wrapped-plain", "mixed"):
        box = bench(f"--update-shape={shape}")
        box.update("<ID>5001</ID>")
        assert box.executions(5001) == [{}], shape


def test_a_required_field_that_is_left_out_is_reset_to_its_zero(bench: Callable) -> None:
    box = bench("--update-shape=required")
    box.update("<ID>5001</ID><Rate>12.5</Rate>")
    assert box.executions(5001) == [
        {
            "Description": None,
            "Code1": None,
            "Code2": None,
            "ActivatedDate": "0001-01-01",
            "DisconnectDate": "0001-01-01",
            "Rate": "12.5000",
            "Quantity": "0",
            "DoNotProrateFlag": "false",
        }
    ]
    assert box.truth(5001)["Activated_Date"] == "0001-01-01"


@pytest.mark.parametrize("shape", ["nillable", "optional-nillable"])
def test_nil_nulls_a_nillable_field(bench: Callable, shape: str) -> None:
    box = bench(f"--update-shape={shape}")
    box.update(f"<ID>5001</ID><Rate {NIL}/><Code1 {NIL}/>")
    assert box.executions(5001) == [{"Rate": None, "Code1": None}]
    assert '<Rate xsi:nil="true" />' in box.query("<ID>5001</ID>").decode()


def test_nil_is_not_a_number_for_a_field_that_is_not_nillable(bench: Callable) -> None:
    box = bench("--update-shape=optional")
    assert b"not a valid Decimal" in box.update(f"<ID>5001</ID><Rate {NIL}/>")
    assert box.answers[-1].status == 500
    assert box.executions(5001) == []


@pytest.mark.parametrize(
    ("shape", "wrapper", "fields"),
    [
        ("wrapped", "<Updated>true</Updated><Value>3</Value>", {"Quantity": "3"}),
        ("wrapped", "<Updated>false</Updated><Value>3</Value>", {}),
        ("wrapped", "<Value>3</Value>", {}),
        ("wrapped", f"<Updated>true</Updated><Value {NIL}/>", {"Quantity": None}),
        ("wrapped", "<Updated>true</Updated>", {"Quantity": None}),
        ("wrapped-plain", "<Updated>true</Updated>", {"Quantity": "0"}),
    ],
)
def test_a_wrapped_field_counts_only_if_it_says_updated(
    bench: Callable, shape: str, wrapper: str, fields: dict[str, str | None]
) -> None:
    box = bench(f"--update-shape={shape}")
    box.update(f"<ID>5001</ID><Quantity>{wrapper}</Quantity>")
    assert box.executions(5001) == [fields]


def test_one_field_can_have_a_shape_of_its_own(bench: Callable) -> None:
    box = bench("--update-shape=optional,Rate=wrapped")
    box.update(
        "<ID>5001</ID><Quantity>4</Quantity>"
        "<Rate><Updated>1</Updated><Value>-2.00005</Value></Rate>"
    )
    assert box.executions(5001) == [{"Quantity": "4", "Rate": "-2.0001"}]


@pytest.mark.parametrize("text", ["1e3", "NaN", "", "1,5", "(1, 2)"])
def test_what_is_not_a_decimal_is_not_executed(bench: Callable, text: str) -> None:
    box = bench()
    box.update(f"<ID>5001</ID><Rate>{text}</Rate>")
    assert box.answers[-1].status == 500
    assert box.executions(5001) == []


def test_elements_of_another_namespace_are_not_seen(bench: Callable) -> None:
    box = bench()
    box.update('<ID>5001</ID><Rate xmlns="">9</Rate>')
    assert box.executions(5001) == [{}]
