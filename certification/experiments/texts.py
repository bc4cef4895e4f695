"""What becomes of texts: long ones, accents, line breaks, blanks at the ends."""

from __future__ import annotations

from collections.abc import Iterator

from certification.experiment import Experiment, Scene
from certification.experiments.updates import verdict
from certification.field_values import TEXT_MARK
from certification.finding import Finding
from worker.soap import Kind

LONGEST = 500
"""What jobs may carry."""
_FIELDS = ("description", "code1", "code2")
_LATIN, _ALL = f"{TEXT_MARK} Prémium", f"{TEXT_MARK} Prémium 10 € 字"
_SEVERAL_LINES = f"{TEXT_MARK} one\ntwo"
_BLANKS = f"  {TEXT_MARK} blanks "


def _texts(scene: Scene) -> Iterator[Finding]:
    lengths: dict[str, dict[str, object]] = {}
    for name in _FIELDS:
        if (product := scene.bench.find(name)) is not None:
            lengths[name] = _length(scene, product, name)
    if not lengths:
        why = "no named product has a text that can be put back for certain"
        yield Finding.unknown("text_length", why)
        return
    by_field = (f"{name}: {length['kept']}, {length['beyond']}" for name, length in lengths.items())
    yield Finding("text_length", f"characters that a text keeps: {'; '.join(by_field)}", lengths)
    name = next(iter(lengths))
    product = scene.bench.find(name)
    if product is not None:
        yield from _characters(scene, product, name)


def _length(scene: Scene, product: int, name: str) -> dict[str, object]:
    """How many characters are kept, and what becomes of more."""
    stored = _written(scene, product, name, _text(LONGEST))
    if stored is not None:
        is_whole = len(stored) == LONGEST
        return {"kept": len(stored), "beyond": "not tried" if is_whole else "cut in silence"}
    low, high = 0, LONGEST
    while high - low > 1:
        middle = (low + high) // 2
        is_taken = _written(scene, product, name, _text(middle)) is not None
        low, high = (middle, high) if is_taken else (low, middle)
    return {"kept": low, "beyond": "refused"}


def _text(length: int) -> str:
    return (TEXT_MARK + "abcdefghij" * (length // 10 + 1))[:length]


def _written(scene: Scene, product: int, name: str, text: str) -> str | None:
    """What a query shows of it; None if the update was refused."""
    if scene.bench.set(product, **{name: text}).kind is not Kind.DONE:
        return None
    return scene.bench.read(product).text(name) or ""


def _characters(scene: Scene, product: int, name: str) -> Iterator[Finding]:
    latin = _written(scene, product, name, _LATIN) == _LATIN
    everything = latin and _written(scene, product, name, _ALL) == _ALL
    kept = "all" if everything else "latin" if latin else "ascii"
    yield Finding("characters", f"characters that a text keeps: {kept}", kept)
    yield _survives(scene, product, name, "line_breaks", _SEVERAL_LINES)
    yield _survives(scene, product, name, "outer_blanks", _BLANKS)


def _survives(scene: Scene, product: int, name: str, what: str, text: str) -> Finding:
    reply = scene.bench.set(product, **{name: text})
    words = what.replace("_", " ")
    if reply.kind is not Kind.DONE:
        return Finding(what, f"{words}: {verdict(scene, reply)}", "refused")
    is_kept = scene.bench.read(product).text(name) == text
    says = f"{words} in a text are {'kept' if is_kept else 'not kept'}"
    return Finding(what, says, "kept" if is_kept else "changed")


EXPERIMENTS = (
    Experiment(
        "texts",
        "How long may texts be, what is cut in silence; are accents, line breaks, blanks kept?",
        150,
        _texts,
        "each text",
    ),
)
