"""The limiter's promises, in virtual time against a vendor that counts exactly."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import pytest

from revio_jobs.contracts import Lane
from simulation.figures import figures, per_minute
from simulation.plot import page
from simulation.scenario import Foreign, simulate
from simulation.stories import RULES, WARM_UP_S, crowd, office_hours, shared, steady
from simulation.vendor import Way


@pytest.mark.parametrize("interactive", [0, 60, 150, 245])
def test_with_bulk_waiting_all_is_used_and_nobody_interactive_waits(interactive: int) -> None:
    outcome = simulate(steady(interactive))
    found = figures(outcome, WARM_UP_S)
    _, p99_s, longest_s = found.wait_s[Lane.INTERACTIVE]
    assert found.use >= 0.97
    assert found.most_in_a_minute <= 500
    assert p99_s < 0.25
    assert longest_s < 1.0
    assert set(outcome.statuses) == {200}


def test_turns_that_died_with_their_worker_are_taken_by_others() -> None:
    outcome = simulate(steady(restart_every_s=20.0, processes={Lane.BULK: 4}))
    assert figures(outcome, WARM_UP_S).use >= 0.96


def test_workers_that_die_and_come_back_cost_neither_calls_nor_waits() -> None:
    outcome = simulate(steady(120, restart_every_s=15.0, processes=dict.fromkeys(Lane, 4)))
    found = figures(outcome, WARM_UP_S)
    assert found.use >= 0.97
    assert found.wait_s[Lane.INTERACTIVE][1] < 0.25
    assert set(outcome.statuses) == {200}


def test_a_way_that_differs_by_less_than_the_margin_is_counted_right_by_the_vendor() -> None:
    def throttled(longest_s: float) -> int:
        return figures(simulate(steady(way=Way(there_s=(0.0, longest_s))))).throttled

    assert throttled(0.999) == 0
    # And the vendor would have noticed.
    rules = replace(RULES, window_margin_s=0.0, bulk_headroom_per_minute=0)
    assert figures(simulate(steady(rules=rules))).throttled > 0


def test_more_workers_ask_more_in_all_but_get_no_less() -> None:
    one, many = (figures(simulate(crowd(number)), WARM_UP_S) for number in (1, 128))
    assert one.use >= 0.97
    assert many.use >= 0.97
    assert many.asked_per_call < 6


def test_a_guest_on_the_key_slows_us_down_until_it_has_gone() -> None:
    outcome = simulate(steady(seconds=2700.0, foreign=(Foreign(300.0, 900.0, 150 / 60),)))
    bulk = per_minute(outcome)[Lane.BULK]
    assert outcome.journal.lowered
    assert outcome.statuses[429] < 20
    assert outcome.foreign_calls > 1_400
    assert mean(bulk[6:15]) > 200
    assert min(bulk[35:]) > 480


@pytest.mark.parametrize(
    ("guest", "at_once", "has_fixed_minute"),
    [(150, 1, False), (150, 60, False), (350, 1, False), (150, 1, True), (350, 1, True)],
)
def test_after_a_429_an_interactive_call_goes_out_soon_and_provokes_no_more_of_them(
    guest: int, at_once: int, *, has_fixed_minute: bool
) -> None:
    scenario = shared(60, guest, at_once=at_once, has_fixed_minute=has_fixed_minute)
    found = [figures(simulate(replace(scenario, seed=seed))) for seed in (1, 2)]
    assert max(entry.after_pause_s[0] for entry in found) < 1.0
    assert max(entry.after_pause_s[1] for entry in found) < 15.0
    assert max(entry.throttled for entry in found) < 60
    assert max(entry.most_in_a_minute for entry in found) <= 500


def test_interactive_calls_that_want_more_than_a_guest_leaves_provoke_few_429s() -> None:
    outcome = simulate(shared(200, 350))
    assert outcome.statuses[429] < 100


def test_an_outage_costs_few_calls_and_ends_when_the_vendor_is_back() -> None:
    outcome = simulate(steady(seconds=900.0, outages=((300.0, 420.0),)))
    assert outcome.statuses[503] < 60
    assert min(per_minute(outcome)[Lane.BULK][9:]) > 480


def test_a_day_that_is_spread_evenly_lasts_until_its_end() -> None:
    rules = replace(RULES, calls_per_day=7_200, bulk_reserve_per_day=240, bulk_spread=True)
    scenario = steady(
        rules=rules,
        seconds=86_400.0,
        campaigns=((0.0, 20_000),),
        interactive=lambda at_s: office_hours(at_s) / 40,
        interactive_peak=office_hours(13 * 3600) / 40,
    )
    outcome = simulate(scenario)
    calls = per_minute(outcome)
    hours = [sum(calls[Lane.BULK][hour * 60 : hour * 60 + 60]) for hour in range(24)]
    assert min(hours) > 200
    assert max(hours) < 320
    assert sum(hours) + sum(calls[Lane.INTERACTIVE]) == pytest.approx(6_960, abs=60)


def test_a_page_shows_every_minute() -> None:
    shown = page([("ten & more minutes", simulate(steady(60, seconds=700.0)))])
    assert "ten &amp; more minutes" in shown
    assert shown.count("<polygon") == 2
