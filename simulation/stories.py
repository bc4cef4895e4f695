"""The scenarios that `make simulate` runs, each about one promise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from revio_jobs.contracts import Lane
from simulation.scenario import Foreign, Scenario
from worker.limiter import LimitRules

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

# As the settings have it for an account of which nothing else is said.
RULES = LimitRules(
    calls_per_minute=500,
    calls_per_day=150_000,
    bulk_headroom_per_minute=25,
    bulk_reserve_per_day=5_000,
)
BACKLOG = ((0.0, 100_000),)

WARM_UP_S = 120.0
"""A story about a steady state is told from here on, for ten minutes."""
_STEADY_S = WARM_UP_S + 600.0

_NIGHT_PER_S, _NOON_PER_S = 0.03, 0.4
_OPENS, _CLOSES = 6.0, 20.0


def office_hours(at_s: float) -> float:
    """Interactive calls per second: few at night, most at one o'clock."""
    hour = at_s / HOUR_S
    if not _OPENS <= hour <= _CLOSES:
        return _NIGHT_PER_S
    return _NIGHT_PER_S + _NOON_PER_S * math.sin((hour - _OPENS) / (_CLOSES - _OPENS) * math.pi)


def day() -> Scenario:
    """Campaigns by night and at noon, a restart each half hour, an outage, and a guest at four."""
    return Scenario(
        rules=RULES,
        seconds=DAY_S,
        interactive=office_hours,
        interactive_peak=_NIGHT_PER_S + _NOON_PER_S,
        campaigns=((2 * HOUR_S, 30_000), (9 * HOUR_S, 40_000), (14.5 * HOUR_S, 55_000)),
        restart_every_s=HOUR_S / 2,
        foreign=(Foreign(16 * HOUR_S, 16.5 * HOUR_S, 150 / 60),),
        outages=((10 * HOUR_S, 10 * HOUR_S + 180),),
    )


def even_day() -> Scenario:
    """More bulk than a day holds, spread to the reset."""
    rules = replace(RULES, bulk_spread=True)
    return replace(day(), rules=rules, campaigns=((0.0, 200_000),), foreign=(), outages=())


def steady(interactive_per_minute: int = 0, **more: object) -> Scenario:
    """100,000 bulk jobs wait, and interactive calls come at that rate."""
    rate = interactive_per_minute / 60
    scenario = Scenario(
        rules=RULES,
        seconds=_STEADY_S,
        interactive=lambda _: rate,
        interactive_peak=rate,
        campaigns=BACKLOG,
    )
    return replace(scenario, **more)  # type: ignore[arg-type]


def guest() -> Scenario:
    """For ten minutes of an hour somebody else takes 150 calls per minute of the same key."""
    foreign = (Foreign(600.0, 1200.0, 150 / 60),)
    return steady(seconds=HOUR_S, foreign=foreign)


def shared(
    interactive_per_minute: int,
    guest_per_minute: int,
    *,
    at_once: int = 1,
    has_fixed_minute: bool = False,
    rules: LimitRules = RULES,
    seed: int = 1,
) -> Scenario:
    """Half an hour in which somebody else uses the key for twenty minutes."""
    foreign = (Foreign(300.0, 1500.0, guest_per_minute / 60, at_once),)
    return steady(
        interactive_per_minute,
        rules=rules,
        seconds=HOUR_S / 2,
        foreign=foreign,
        has_fixed_minute=has_fixed_minute,
        seed=seed,
    )


def crowd(processes: int) -> Scenario:
    """Bulk workers of 16 threads each, and 60 interactive calls per minute."""
    return steady(60, processes={Lane.INTERACTIVE: 2, Lane.BULK: processes}, seconds=420.0)


STEADY: Mapping[str, Scenario] = {
    "bulk alone": steady(),
    "interactive 60 a minute": steady(60),
    "interactive 120 a minute": steady(120),
    "interactive 200 a minute": steady(200),
    "interactive 245 a minute": steady(245),
    "a restart each 20 s": steady(120, restart_every_s=20.0, processes=dict.fromkeys(Lane, 4)),
}
CROWDS = (1, 4, 16, 64, 250, 1_000)
SHARED: Mapping[str, Scenario] = {
    "150 a minute": shared(60, 150),
    "150, 60 at once": shared(60, 150, at_once=60),
    "350 a minute": shared(60, 350),
    "150 of a fixed minute": shared(60, 150, has_fixed_minute=True),
    "350 of a fixed minute": shared(60, 350, has_fixed_minute=True),
}
