"""Which column is what: by its title, or as somebody has stated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from campaigns.errors import InputError
from campaigns.source.options import ReadOptions
from campaigns.source.titles import is_old, key_of, meaning_of, without_old
from revio_jobs.contracts import CHANGE_NAMES, Expected

EXPECTED_PREFIX = "expected:"
EFFECTIVE = "effective_date"
_IDS = ("id", "customer_product_id")
_BELIEVABLE = tuple(Expected.model_fields)
_SHOWN_TITLES = 20
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row what is."""

    id: int
    changes: Mapping[str, int] = field(default_factory=dict)
    """By contract name."""
    expected: Mapping[str, int] = field(default_factory=dict)
    """What the author believed the field to be, by contract name."""
    effective: int | None = None
    """The day from which the row's change is meant to hold."""
    ignored: frozenset[int] = frozenset()
    """Carried along, as somebody has stated, or because another column was stated instead."""
    stated: frozenset[int] = frozenset()
    """What they are was stated, not found."""
    width: int = 0

    def used(self) -> dict[int, str]:
        """What each used column is, by its place."""
        believed = {f"{EXPECTED_PREFIX}{name}": place for name, place in self.expected.items()}
        effective = {} if self.effective is None else {EFFECTIVE: self.effective}
        known = {"id": self.id, **self.changes, **believed, **effective}
        return {place: name for name, place in sorted(known.items(), key=lambda pair: pair[1])}


def is_id(title: str) -> bool:
    """Whether the column names the products."""
    return key_of(title) in map(key_of, _IDS)


def find_columns(header: Sequence[str], options: ReadOptions | None = None) -> Columns:
    """Raises InputError, with a line for each column that leaves a doubt."""
    finding = _Finding(header, options or ReadOptions())
    finding.take_stated()
    finding.take_named()
    faults = [*finding.faults, *finding.doubts()]
    if not finding.ids and len(header) == 1:
        faults = [f"{_id_fault(header, [])}; columns are separated by a comma, ';', '|' or a tab"]
    elif len(finding.ids) != 1 and not finding.faults:
        faults.insert(0, _id_fault(header, finding.ids))
    if faults:
        raise InputError("\n".join(faults))
    return Columns(
        finding.ids[0],
        finding.changes,
        finding.expected,
        finding.effective,
        frozenset(finding.ignored | finding.displaced),
        frozenset(finding.stated),
        len(header),
    )


def places_of(header: Sequence[str]) -> dict[str, int]:
    """Where the id and each field stand by their own names; for what we have written ourselves."""
    names = {
        **{key_of(name): "id" for name in _IDS},
        **{key_of(name): name for name in CHANGE_NAMES},
    }
    keys = map(key_of, header)
    return {names[key]: place for place, key in enumerate(keys) if key in names}


class _Finding:
    def __init__(self, header: Sequence[str], options: ReadOptions) -> None:
        self._header = header
        self._options = options
        self.ids: list[int] = []
        self.changes: dict[str, int] = {}
        self.expected: dict[str, int] = {}
        self.effective: int | None = None
        self.ignored: set[int] = set()
        self.stated: set[int] = set()
        self.faults: list[str] = []
        self.displaced: set[int] = set()

    def take_stated(self) -> None:
        for title in self._options.ignored:
            self.ignored.update(self._places("--ignore-column", title))
        for title, target in self._options.columns.items():
            for place in self._places("--map", title):
                self.stated.add(place)
                self._take(place, target.strip())

    def take_named(self) -> None:
        known = {key_of(name): name for name in CHANGE_NAMES}
        for place, title in enumerate(self._header):
            if place in self.stated or place in self.ignored:
                continue
            key = key_of(title)
            if key.startswith(key_of(EXPECTED_PREFIX)):
                self._take(place, EXPECTED_PREFIX + _field_of(key))
            elif is_id(title):
                if self.stated.isdisjoint(self.ids):
                    self.ids.append(place)
            elif key in {key_of(EFFECTIVE), "effective"}:
                self._take(place, EFFECTIVE)
            elif name := known.get(key):
                if self.changes.get(name) in self.stated:
                    # Another column was stated to be this field.
                    self.displaced.add(place)
                else:
                    self._take(place, name)
            elif (believed := _believed(key)) and believed not in self.expected:
                self.expected[believed] = place
        self._take_old_rate()

    def _take_old_rate(self) -> None:
        """In a list that changes rates a column that is called just old holds the old ones."""
        if "rate" not in self.changes or "rate" in self.expected:
            return
        taken = self.stated | self.ignored
        old = [at for at, title in enumerate(self._header) if is_old(title) and at not in taken]
        if len(old) == 1:
            self.expected["rate"] = old[0]

    def doubts(self) -> Iterator[str]:
        """A line for each column that is not used and looks as if it should be."""
        used = {*self.ids, *self.changes.values(), *self.expected.values(), self.effective}
        for place, title in enumerate(self._header):
            if place in used or place in self.ignored or place in self.displaced:
                continue
            if what := meaning_of(title):
                yield question(title, f"looks like {what}")

    def _take(self, place: int, target: str) -> None:
        believed = target.removeprefix(EXPECTED_PREFIX)
        if key_of(target) in map(key_of, _IDS):
            self.ids.append(place)
        elif key_of(target) == key_of(EFFECTIVE):
            if self.effective is not None:
                self.faults.append(f"two columns are called {EFFECTIVE}")
            self.effective = place
        elif believed != target and believed in _BELIEVABLE:
            self._put(self.expected, believed, place, target)
        elif target in CHANGE_NAMES:
            self._put(self.changes, target, place, target)
        elif believed != target:
            self.ignored.add(place)
            known = ", ".join(_BELIEVABLE)
            self.faults.append(f"column {self._header[place]!r}: a product has {known}")
        else:
            self.faults.append(
                f"column {self._header[place]!r} cannot be {target}: give id, {EFFECTIVE}, one of "
                f"{', '.join(CHANGE_NAMES)}, or {EXPECTED_PREFIX} and one of "
                f"{', '.join(_BELIEVABLE)}"
            )

    def _put(self, places: dict[str, int], name: str, place: int, target: str) -> None:
        if name in places:
            self.faults.append(f"two columns are called {target}")
            self.displaced.add(place)
            return
        places[name] = place

    def _places(self, option: str, title: str) -> list[int]:
        places = [at for at, one in enumerate(self._header) if key_of(one) == key_of(title)]
        if not places:
            self.faults.append(
                f"{option} {title}: there is no such column; {_titles(self._header)}"
            )
        return places


def _field_of(key: str) -> str:
    """Of a title such as "Expected: Rate": the field's name, or what stands there instead."""
    bare = key.removeprefix(key_of(EXPECTED_PREFIX))
    return next((name for name in _BELIEVABLE if key_of(name) == bare), bare)


def _believed(key: str) -> str | None:
    """Of a title such as "old rate": the field whose value until now it holds."""
    bare = without_old(key)
    return bare if bare != key and bare in _BELIEVABLE and bare in CHANGE_NAMES else None


def _id_fault(header: Sequence[str], ids: Sequence[int]) -> str:
    what = "no column is" if not ids else "two columns are"
    return f"{what} called id (or customer_product_id); {_titles(header)}"


def _titles(header: Sequence[str]) -> str:
    titles = ", ".join(title[:_SHOWN_CHARACTERS] for title in header[:_SHOWN_TITLES])
    return f"the header line has: {titles}"


def question(title: str, what: str) -> str:
    """What to ask about a column that is not used, and `what` speaks for its being meant."""
    return (
        f"column {title!r} is not used and {what}: say what it is with "
        f"--map {_quoted(f'{title}=FIELD')} (a field, or {EXPECTED_PREFIX}FIELD for what it was "
        f"until now), or leave it out with --ignore-column {_quoted(title)}"
    )


def _quoted(text: str) -> str:
    """For a shell, and in one line: line breaks in a title do not count."""
    mark = "'" if '"' in text else '"'
    return f"{mark}{' '.join(text.split())}{mark}"
