from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.options import parse


def test_every_call_is_reported_with_what_it_sent(bench: Callable) -> None:
    box = bench()
    box.query("<CustomerID>1001</CustomerID><LineID>30001</LineID>")
    box.clock.advance(1)
    box.update("<ID>5001</ID><Rate>1</Rate>")
    calls = box.control("calls?list=1")
    assert calls["by_operation"] == {
        "CustomerProducts_Query": {"200": 1},
        "CustomerProducts_Update": {"200": 1},
    }
    query, update = calls["calls"]
    assert (query["customer_ids"], query["line_ids"], query["ids"]) == ([1001], [30001], [])
    assert (update["ids"], update["at"] - query["at"]) == ([5001], 1)
    assert update["sent"] == ["Credentials", "ID", "Rate"]


def test_calls_refused_by_the_gateway_are_not_executed(bench: Callable) -> None:
    box = bench("--calls-per-minute=2")
    for _ in range(3):
        box.update("<ID>5001</ID>")
    assert [answer.status for answer in box.answers] == [200, 200, 429]
    calls = box.control("calls")
    assert (calls["received"], calls["executed"], calls["refused"]) == (3, 2, 1)
    assert calls["max_in_60s"] == 3
    assert calls["by_operation"]["CustomerProducts_Update"] == {"200": 2, "429": 1}
    assert box.executions(5001) == [{}, {}]


def test_another_user_of_the_key_uses_up_the_minute(bench: Callable) -> None:
    box = bench("--calls-per-minute=5")
    assert box.control("limits", {"consume": 5})["minute_used"] == 5
    box.update("<ID>5001</ID>")
    assert box.answers[-1].status == 429
    box.control("limits", {"calls_per_minute": 6})
    box.update("<ID>5001</ID>")
    assert box.answers[-1].status == 200


def test_someone_elses_edit_shows_and_is_not_an_execution(bench: Callable) -> None:
    box = bench()
    box.control("products", {"5001": {"Rate": "9.5", "Code1": None}})
    assert (box.truth(5001)["Rate"], box.truth(5001)["Code1"]) == ("9.5000", None)
    assert b"<Rate>9.5000<" in box.query("<ID>5001</ID>")
    assert box.control("updates") == {}


@pytest.mark.parametrize("edit", [{"1": {}}, {"5001": {"Rte": "1"}}, {"5001": {"Rate": "x"}}, []])
def test_an_edit_that_makes_no_sense_changes_nothing(bench: Callable, edit: object) -> None:
    box = bench()
    before = box.control("products")
    assert "error" in box.control("products", edit)
    assert box.control("products") == before


def test_sessions_can_be_ended(bench: Callable) -> None:
    box = bench()
    box.call("Sessions_Create", "")
    assert box.control("sessions/expire", {}) == {"expired": 1}
    assert box.control("sessions/expire", {}) == {"expired": 0}


def test_a_reset_forgets_what_was_done(bench: Callable) -> None:
    box = bench()
    before = box.truth(5001)
    box.update("<ID>5001</ID><Rate>1</Rate>")
    box.control("faults", {"fault": "reset-before", "rate": 1})
    box.control("reset", {})
    assert box.truth(5001) == before
    assert box.control("updates") == {}
    assert box.control("calls")["received"] == 0
    assert b"<Success>true" in box.update("<ID>5001</ID>")


def test_an_unknown_endpoint_says_so(bench: Callable) -> None:
    assert "error" in bench().control("nonsense")


def test_an_outage_is_passed_on(bench: Callable) -> None:
    box = bench()
    box.control("outage", {"seconds": 2})
    assert box.outages == [2]


def test_latency_passes_before_a_call_is_executed(bench: Callable) -> None:
    box = bench("--latency=100-200")
    box.update("<ID>5001</ID>")
    box.clock.advance(0.099)
    assert (box.answers, box.executions(5001)) == ([], [])
    box.clock.advance(0.101)
    assert len(box.answers) == 1
    assert box.executions(5001) == [{}]


@pytest.mark.parametrize(
    "flag",
    [
        "--update-shape=nonsense",
        "--update-shape=optional,Rte=nillable",
        "--records=nonsense",
        "--ports=13",
        "--fault=nonsense:1",
        "--fault=drip:often",
        "--latency=x",
    ],
)
def test_a_wrong_option_ends_with_a_usage_message(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([flag])
    assert ended.value.code == 2
    assert flag.partition("=")[0] in capsys.readouterr().err.splitlines()[-1]


def test_a_spoilt_field_is_shown_as_the_markup_that_was_given(bench: Callable) -> None:
    box = bench()
    box.control("spoil", {"5001": {"Rate": "1&#x1B;"}})
    assert b"<Rate>1&#x1B;</Rate>" in box.query("<ID>5001</ID>")
    box.control("spoil", {"5001": {}})
    assert b"&#x1B;" not in box.query("<ID>5001</ID>")
