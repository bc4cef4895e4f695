"""`make simulate`: the limiter's promises in virtual time, as tables and a page of plots."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from revio_jobs.contracts import Lane
from simulation import neighbours
from simulation.figures import Figures, figures
from simulation.plot import page
from simulation.scenario import Outcome, Scenario, simulate
from simulation.stories import CROWDS, SHARED, STEADY, WARM_UP_S, crowd, day, even_day, guest

_PAGE = Path("simulation.html")
_COLUMNS = (
    "use",
    "most in 60 s",
    "429s",
    "after a pause",
    "interactive",
    "p99 wait",
    "longest",
    "bulk",
    "asked",
)


def main() -> None:
    """Everything; takes about half a minute."""
    began = time.monotonic()
    _head("100,000 bulk jobs wait, over ten minutes")
    for title, scenario in STEADY.items():
        _line(title, figures(simulate(scenario), WARM_UP_S))
    _head("so many bulk workers of 16 threads")
    for processes in CROWDS:
        _line(f"{processes:,}", figures(simulate(crowd(processes)), WARM_UP_S))
    _head("60 interactive, a guest takes")
    for title, scenario in SHARED.items():
        _line(title, figures(simulate(scenario)))
    _neighbours()
    charts = list(_days())
    _PAGE.write_text(page(charts), encoding="utf-8")
    print(f"\n{_PAGE} shows the days; {time.monotonic() - began:.0f} s in all")


def _days() -> Iterable[tuple[str, Outcome]]:
    _head("longer times")
    told: dict[str, Scenario] = {
        "a day": day(),
        "a day that is spread evenly": even_day(),
        "a guest on our key": guest(),
    }
    for title, scenario in told.items():
        outcome = simulate(scenario)
        _line(title, figures(outcome))
        for at, ceiling in outcome.journal.lowered:
            minute = int(at % 86_400 // 60)
            print(f"    {minute // 60:2}:{minute % 60:02} ceiling lowered to {ceiling}")
        yield title, outcome


def _neighbours() -> None:
    print("\nan interactive call of an account, p99, beside an account of the same worker with")
    for title, p99_s in {
        "nothing to do": neighbours.p99_s(backlog=0),
        "100,000 jobs": neighbours.p99_s(backlog=neighbours.BACKLOG),
        "100,000 jobs, without shares": neighbours.p99_s(
            backlog=neighbours.BACKLOG, allowance=neighbours.greedy
        ),
    }.items():
        print(f"{title:<32}{p99_s * 1e3:>11,.0f} ms")


def _head(title: str) -> None:
    print(f"\n{title:<32}" + "".join(f"{column:>14}" for column in _COLUMNS))


def _line(title: str, found: Figures) -> None:
    _, p99_s, longest_s = found.wait_s[Lane.INTERACTIVE]
    cells = (
        f"{found.use:.1%}",
        f"{found.most_in_a_minute}",
        f"{found.throttled}",
        "{:.1f}, {:.1f} s".format(*found.after_pause_s) if found.throttled else "",
        f"{found.calls[Lane.INTERACTIVE]:,}",
        f"{p99_s * 1000:.0f} ms",
        f"{longest_s * 1000:.0f} ms",
        f"{found.calls[Lane.BULK]:,}",
        f"{found.asked_per_call:.1f} a call",
    )
    print(f"{title:<32}" + "".join(f"{cell:>14}" for cell in cells))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
