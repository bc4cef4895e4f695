"""The last hour's calls, minute by minute, as a plot and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.business_time import BusinessTime
from campaigns.pages.plots import Bar, Label, Line, Plot
from revio_jobs import Lane
from worker.limiter import CallMinute

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 150, 36, 14, 18
_LABEL_EVERY = 10
LANES = (Lane.BULK, Lane.INTERACTIVE)
"""From the bottom of a bar to its top."""


def plot_calls(minutes: Sequence[CallMinute], limit: int, time: BusinessTime) -> Plot:
    """A bar per minute, of a part per lane, below the line of the limit (calls per minute)."""
    top = max(limit, *(minute.total for minute in minutes), 1)
    scale = (_HEIGHT - _TOP - _BOTTOM) / top
    step = (_WIDTH - _LEFT) / len(minutes)
    bars, labels = list[Bar](), list[Label]()
    for place, minute in enumerate(minutes):
        x, y = _LEFT + place * step, float(_HEIGHT - _BOTTOM)
        at = time.clock(minute.begins_at)
        for lane in LANES:
            if calls := minute.calls[lane]:
                height = calls * scale
                y -= height
                says = f"{at}: {calls:,} {lane.value}"
                corner = (round(x + 1, 1), round(y, 1))
                bars.append(Bar(*corner, round(step - 2, 1), round(height, 1), lane.value, says))
        if place % _LABEL_EVERY == 0:
            labels.append(Label(round(x, 1), _HEIGHT - 4, at, "start"))
    line = round(_HEIGHT - _BOTTOM - limit * scale, 1)
    labels += [
        Label(_LEFT - 4, line + 3, f"{limit:,}", "end"),
        Label(_LEFT - 4, _HEIGHT - _BOTTOM + 3, "0", "end"),
    ]
    lines = [Line(_LEFT, y, _WIDTH, y) for y in (line, _HEIGHT - _BOTTOM)]
    title = f"Calls per minute in the last {len(minutes)} minutes, against the limit of {limit:,}"
    return Plot(title, bars, labels, (), lines, _WIDTH, _HEIGHT)
