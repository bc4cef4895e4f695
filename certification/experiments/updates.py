"""What an update does besides what it names, and which updates are refused."""

from __future__ import annotations

from collections.abc import Iterator

from certification.experiment import Experiment, Scene
from certification.experiments.ids import UNKNOWN_ID, real_records
from certification.field_values import WRITABLE, differing, other_value
from certification.finding import Finding
from revio_jobs.errors import UnsupportedChange
from tasks.ports import Change, Filters
from worker.soap import Kind, Reply

# A date of the end may end a product, which no date brings back.
_PARTIAL = tuple(name for name in WRITABLE if name != "disconnect_date")
_REPEATED = ("quantity", "rate", "description", "code1")


def verdict(scene: Scene, reply: Reply) -> str:
    """What became of an update, in one word or with the vendor's words."""
    if reply.kind is Kind.DONE:
        return "done"
    return f"{reply.kind.value}: {scene.lab.words(reply)}"


def _partial(scene: Scene) -> Iterator[Finding]:
    others: dict[str, list[str] | str] = {}
    for name in _PARTIAL:
        if (product := scene.bench.find(name)) is not None:
            others[name] = _side_effects(scene, product, name)
            scene.bench.restore()
    if not others:
        yield Finding.unknown("partial_update", "no named product has a value to be changed")
        return
    touched = {name: changed for name, changed in others.items() if isinstance(changed, list)}
    reset = sorted({name for changed in touched.values() for name in changed})
    if not touched:
        yield Finding.unknown("partial_update", "no update was done")
    elif reset:
        says = f"DO NOT UPDATE: an update of one field also changes {', '.join(reset)}"
        yield Finding("partial_update", says, others)
    else:
        says = f"an update of {', '.join(touched)} leaves the other fields as they are"
        yield Finding("partial_update", says, others)


def _side_effects(scene: Scene, product: int, name: str) -> list[str] | str:
    """The other fields that have changed; or why the update was not done."""
    value = other_value(name, scene.bench.value(product, name))
    try:
        reply = scene.bench.set(product, **{name: value})
    except UnsupportedChange as exc:
        return str(exc)
    if reply.kind is not Kind.DONE:
        return verdict(scene, reply)
    after = scene.bench.read(product)
    return [field for field in differing(scene.bench.products[product], after) if field != name]


def _repeated(scene: Scene) -> Iterator[Finding]:
    for name in _REPEATED:
        if (product := scene.bench.find(name)) is None:
            continue
        # The vendor refuses it only if the value is there: it has to show first.
        scene.bench.read(product)
        reply = scene.bench.set(product, **{name: scene.bench.value(product, name)})
        says = f"an update with the values that are there is {verdict(scene, reply)}"
        yield Finding("equal_update", says, reply.kind.value)
        return
    yield Finding.unknown("equal_update", "no named product has a value to be written")


def _disconnected(scene: Scene) -> Iterator[Finding]:
    name = "disconnected_update"
    for field in _REPEATED:
        product = scene.bench.find(field, status="DISCONNECTED")
        if product is not None:
            value = other_value(field, scene.bench.value(product, field))
            reply = scene.bench.set(product, **{field: value})
            says = f"an update of a disconnected product is {verdict(scene, reply)}"
            yield Finding(name, says, reply.kind.value)
            return
    yield Finding.unknown(name, "no named product is disconnected; name one: --product ID")


def _unknown_product(scene: Scene) -> Iterator[Finding]:
    name = "unknown_update"
    reply = scene.lab.query(Filters(ids=(UNKNOWN_ID,)))
    if real_records(reply):
        yield Finding.unknown(name, "the id that should be unknown is a product's")
        return
    reply = scene.lab.update(Change(UNKNOWN_ID, {"quantity": 1}))
    says = f"an update of a product that does not exist is {verdict(scene, reply)}"
    yield Finding(name, says, reply.kind.value)


EXPERIMENTS = (
    Experiment(
        "partial_update",
        "Does an update of one field leave the others as they are?",
        90,
        _partial,
        "each field that has a value, one at a time",
    ),
    Experiment(
        "equal_update",
        "What does the vendor say of an update with the values that are there?",
        20,
        _repeated,
        "a value as it is",
    ),
    Experiment(
        "disconnected_update",
        "What does the vendor say of an update of a disconnected product?",
        20,
        _disconnected,
        "a value of a disconnected product",
    ),
    Experiment(
        "unknown_update",
        "What does the vendor say of an update of a product that does not exist?",
        20,
        _unknown_product,
        "nothing: the id is queried first",
    ),
)
