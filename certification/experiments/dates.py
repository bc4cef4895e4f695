"""Whether a date is read as it was written, and how queries write dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from certification.experiment import Experiment, Scene
from certification.experiments.updates import verdict
from certification.field_values import typed
from certification.finding import Finding
from worker.soap import Kind

# On both sides of a change to summer time, and the first of a year.
_DAYS = (date(2026, 1, 1), date(2026, 7, 1), date(2026, 11, 30))
_FIELD = "activated_date"
_SHOWN = ("activated_date", "disconnect_date", "canceled_date", "billed_through_date")


def _dates(scene: Scene) -> Iterator[Finding]:
    yield from _forms(scene)
    product = scene.bench.find(_FIELD)
    if product is None:
        yield Finding.unknown("date_shift", f"no named product has an {_FIELD}")
        return
    shifts: set[int] = set()
    for day in _DAYS:
        reply = scene.bench.set(product, **{_FIELD: day})
        read = typed(_FIELD, scene.bench.read(product).values[_FIELD])
        if reply.kind is not Kind.DONE or read is None:
            yield Finding.unknown("date_shift", f"a date was {verdict(scene, reply)}")
            return
        shifts.add((read - day).days)
    yield _shift(shifts)


def _shift(shifts: set[int]) -> Finding:
    if shifts == {0}:
        return Finding("date_shift", "a date is read as it was written", 0)
    if len(shifts) == 1:
        days = min(shifts)
        says = f"DO NOT UPDATE DATES: one is read {days:+d} day from what was written"
        return Finding("date_shift", says, days)
    says = f"DO NOT UPDATE DATES: they are shifted by {', '.join(map(str, sorted(shifts)))} days"
    return Finding("date_shift", says, sorted(shifts))


def _forms(scene: Scene) -> Iterator[Finding]:
    records = scene.bench.products.values()
    texts = [record.text(name) for record in records for name in _SHOWN]
    written = [text for text in texts if text and not text.startswith("0001-01-01")]
    if written:
        is_timed = any("T" in text or " " in text for text in written)
        form = "dateTime" if is_timed else "date"
        yield Finding("date_form", f"queries write dates as {form}", form)
    if len(written) == len(texts):
        yield Finding.unknown("no_date", "no named product lacks a date")
        return
    is_minimum = any(text and text.startswith("0001-01-01") for text in texts)
    says = "0001-01-01 stands for no date" if is_minimum else "no date is read as no value"
    yield Finding("no_date", says, "minimum" if is_minimum else "null")


EXPERIMENTS = (
    Experiment(
        "dates",
        "Is a date read as it was written? How are dates written, and no date?",
        40,
        _dates,
        "an activated_date",
    ),
)
