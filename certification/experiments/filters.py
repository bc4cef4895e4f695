"""Whether filters of two kinds are joined by "and" or by "or"."""

from __future__ import annotations

from collections.abc import Iterator

from certification.experiment import Experiment, Scene
from certification.experiments.ids import neighbours, real_records
from certification.finding import Finding
from tasks.ports import Filters
from worker.soap import Kind, RawRecord

_NAME = "filters_of_two_kinds"
_AROUND = 60


def _filters(scene: Scene) -> Iterator[Finding]:
    if not scene.products:
        yield Finding.unknown(_NAME, "name a product: --product ID")
        return
    records = _known(scene)
    mine = next((record for record in records if record.id == scene.anchor), None)
    if mine is None:
        yield Finding.unknown(_NAME, f"product {scene.anchor} cannot be read")
        return
    other = next((record for record in records if _customer(record) != _customer(mine)), None)
    if other is None:
        why = "no product of another customer is known; name one: --product ID"
        yield Finding.unknown(_NAME, why)
        return
    yield _asked(scene, _customer(other))


def _known(scene: Scene) -> list[RawRecord]:
    are_refused = scene.known("unknown_ids") == "refused"
    around = [] if are_refused else neighbours(scene.anchor, _AROUND)
    ids = list(dict.fromkeys([*scene.products, *around]))[: _taken(scene)]
    return real_records(scene.lab.query(Filters(ids=tuple(ids))))


def _taken(scene: Scene) -> int:
    taken = scene.known("ids_taken")
    return taken if isinstance(taken, int) else _AROUND


def _customer(record: RawRecord) -> int:
    value = record.values["customer_id"]
    return value if isinstance(value, int) else 0


def _asked(scene: Scene, customer: int) -> Finding:
    """For a product, and for a customer that it does not belong to."""
    reply = scene.lab.query(Filters(ids=(scene.anchor,), customer_ids=(customer,)))
    if reply.kind is Kind.REFUSED:
        says = f"filters of two kinds are refused with {scene.lab.words(reply)}"
        return Finding(_NAME, says, "refused")
    if reply.kind is not Kind.DONE:
        return Finding.unknown(_NAME, f"no answer: {scene.lab.words(reply)}")
    records = real_records(reply)
    is_mine_there = any(record.id == scene.anchor for record in records)
    are_others_there = any(_customer(record) == customer for record in records)
    says, value = {
        (False, False): ('"and" joins filters of two kinds', "and"),
        (True, True): ('"or" joins filters of two kinds', "or"),
        (True, False): ("where ids are given, other filters do not count", "ids"),
        (False, True): ("where customers are given, ids do not count", "customers"),
    }[is_mine_there, are_others_there]
    return Finding(_NAME, says, value)


EXPERIMENTS = (
    Experiment(
        "filters",
        'Are filters of two kinds joined by "and" or by "or"?',
        20,
        _filters,
    ),
)
