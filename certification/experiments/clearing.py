"""What it means to empty a field, and whether an empty text and no value differ."""

from __future__ import annotations

from collections.abc import Iterator

from certification.experiment import Experiment, Scene
from certification.experiments.updates import verdict
from certification.field_values import WRITABLE, is_same
from certification.finding import Finding
from revio_jobs.contracts.product_fields import PRODUCT_FIELDS, FieldKind
from revio_jobs.errors import UnsupportedChange
from worker.soap import Kind, RawRecord, Reply

_TEXTS = tuple(name for name in WRITABLE if PRODUCT_FIELDS[name].kind is FieldKind.TEXT)
# A product that is not to end, and one that has ended, would not be the same afterwards.
_CLEARED = tuple(name for name in WRITABLE if name != "disconnect_date")
_MINIMUM = "0001-01-01"


def _clearing(scene: Scene) -> Iterator[Finding]:
    ways = dict(_ways(scene, _CLEARED))
    known = {name: way for name, way in ways.items() if way not in {"not tried", "no way"}}
    if not known:
        why = "the WSDL has no way to empty a field" if "no way" in ways.values() else ""
        yield Finding.unknown("clearing", why or "no named product has a value to be emptied")
        return
    says = ", ".join(f"{name}: {way}" for name, way in known.items())
    yield Finding("clearing", f"what a query shows of a field that was emptied: {says}", known)


def _ways(scene: Scene, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        if (product := scene.bench.find(name)) is None:
            yield name, "not tried"
            continue
        try:
            reply = scene.bench.clear(product, name)
        except UnsupportedChange:
            yield name, "no way"
            continue
        yield name, _stored(scene, product, name, reply)
        scene.bench.restore()


def _empty_texts(scene: Scene) -> Iterator[Finding]:
    ways: dict[str, str] = {}
    for name in _TEXTS:
        if (product := scene.bench.find(name)) is not None:
            reply = scene.bench.set(product, **{name: ""})
            ways[name] = _stored(scene, product, name, reply)
            scene.bench.restore()
    if not ways:
        yield Finding.unknown("empty_text", "no named product has a text to be emptied")
        return
    says = ", ".join(f"{name}: {way}" for name, way in ways.items())
    yield Finding("empty_text", f"what a query shows of an empty text: {says}", ways)
    cleared = scene.known("clearing")
    both = [name for name in ways if isinstance(cleared, dict) and name in cleared]
    if isinstance(cleared, dict) and both:
        differ = any(cleared[name] != ways[name] for name in both)
        words = "differ" if differ else "are the same"
        yield Finding("empty_and_null", f"an empty text and no value {words}", differ)


def _stored(scene: Scene, product: int, name: str, reply: Reply) -> str:
    if reply.kind is Kind.REFUSED:
        return f"refused: {scene.lab.words(reply)}"
    if reply.kind is not Kind.DONE:
        return verdict(scene, reply)
    return _way(name, scene.bench.products[product], scene.bench.read(product))


def _way(name: str, before: RawRecord, after: RawRecord) -> str:
    text = after.text(name)
    if is_same(name, before.values[name], after.values[name]):
        return "unchanged"
    if text is None:
        return "no value"
    if text == "":
        return "an empty text"
    if text.startswith(_MINIMUM):
        return _MINIMUM
    return "zero" if not text.strip("0.") else "another value"


EXPERIMENTS = (
    Experiment(
        "clearing",
        "Of each field that can be emptied: what does a query show then?",
        70,
        _clearing,
        "each field that can be emptied, one at a time",
    ),
    Experiment(
        "empty_text",
        "Do an empty text and no value differ?",
        40,
        _empty_texts,
        "each text, one at a time",
    ),
)
