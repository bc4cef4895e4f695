"""The products that may be changed: each write is recorded first, and undone at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from certification.field_values import (
    WRITABLE,
    as_json,
    differing,
    is_restorable,
    may_be_left,
    typed,
)
from certification.journal import Journal
from certification.lab import Lab, StoppedError
from tasks.ports import Change, Filters
from worker.soap import Kind, RawRecord, Reply

UNMEASURED_S = 300.0
"""How long a query may lag behind an update, before that is measured."""
RESTORING_CALLS = 60
"""Calls allowed on top of an experiment's own to restore one product; few are needed."""
_ROUNDS = 6


class NotAsLeftError(StoppedError):
    """Somebody else has changed a product that was named."""


class NotRestoredError(StoppedError):
    """A product is not as it was, and cannot be put back."""


class Workbench:
    """Changes no product but those that were admitted."""

    def __init__(self, lab: Lab, journal: Journal) -> None:
        self._lab = lab
        self._journal = journal
        self._written_at: dict[int, float] = {}
        self.settle_s = UNMEASURED_S
        """Seconds after which a query shows an update."""
        self.was_sent_once = True
        """Whether the last change was answered at once."""

    @property
    def products(self) -> Mapping[int, RawRecord]:
        """The products as they were before the first experiment."""
        return self._journal.before

    def admit(self, products: Iterable[int]) -> None:
        """Read the products and record their state. Raises StoppedError if one cannot be used."""
        for product in products:
            record = self._now(product)
            if before := self._journal.before.get(product):
                if product not in self._journal.written:
                    self._check_as_before(product, before, record)
            else:
                self._journal.admit(product, record)

    def find(self, name: str, status: str = "ACTIVE") -> int | None:
        """A product of this status whose field holds a value that can be put back for certain; of
        several the one of which most fields do.
        """
        for product, record in sorted(self.products.items(), key=_restorable_fields, reverse=True):
            if not all(is_restorable(beside, record.values[beside]) for beside in self._resets()):
                continue
            if record.values["status"] == status and is_restorable(name, record.values[name]):
                return product
        return None

    def _resets(self) -> Iterator[str]:
        """Fields that updates were seen to change though they did not name them."""
        return (name for name in self._journal.resets if name in WRITABLE)

    def value(self, product: int, name: str) -> Any:  # noqa: ANN401 - of the field's kind
        """The field as it was, typed."""
        return typed(name, self.products[product].values[name])

    def set(self, product: int, **values: Any) -> Reply:  # noqa: ANN401 - by field
        """Raises UnsupportedChange, before anything is sent or noted."""
        return self._definite(product, Change(product, values))

    def clear(self, product: int, name: str) -> Reply:
        """Empty the field; otherwise as `set`."""
        return self._definite(product, Change(product, {}, frozenset({name})))

    def read(self, product: int) -> RawRecord:
        """As it is once the last change must show."""
        since = self._lab.clock.now() - self._written_at.get(product, 0.0)
        if since < self.settle_s:
            self._lab.clock.sleep(self.settle_s - since)
        record = self._now(product)
        self._note_resets(product, record)
        return record

    def peek(self, product: int) -> RawRecord:
        """As a query shows it now."""
        return self._now(product)

    def restore(self) -> None:
        """Put back every product that was changed. Raises NotAsLeftError or NotRestoredError."""
        for product in list(self._journal.written):
            with self._lab.budget.allowing(RESTORING_CALLS):
                self._check_ours(product)
                self._restore(product)
            self._journal.restored(product)

    def _definite(self, product: int, change: Change) -> Reply:
        """The update's reply. A resent update may be refused because its first copy was executed;
        then the old values are written and it is tried again.
        """
        for round_ in range(_ROUNDS):
            reply = self._send(product, change)
            self.was_sent_once = round_ == 0 and self._lab.attempts == 1
            if reply.kind is not Kind.REFUSED or self._lab.attempts == 1:
                break
            touched = change.values.keys() | change.clear
            old = {name: self.value(product, name) for name in touched}
            self._send(product, Change(product, old))
        return reply

    def _send(self, product: int, change: Change) -> Reply:
        if product not in self.products:
            raise AssertionError(f"product {product} was not named")
        self._lab.probe.check_update(change)
        noted = {name: as_json(value) for name, value in change.values.items()}
        self._journal.change(product, noted | dict.fromkeys(change.clear))
        try:
            return self._lab.update(change)
        finally:
            self._written_at[product] = self._lab.clock.now()

    def _restore(self, product: int) -> None:
        before = self.products[product]
        wanted = {name: self.value(product, name) for name in self._touched(product)}
        for _ in range(_ROUNDS):
            self._send(product, Change(product, wanted))
            after = self.read(product)
            wrong = differing(before, after)
            if not wrong:
                return
            for name in wrong:
                if name not in WRITABLE or before.values[name] is None:
                    raise NotRestoredError(f"product {product}: {name} is not as it was")
                wanted[name] = self._corrected(product, name, wanted.get(name), after)
        raise NotRestoredError(f"product {product}: {', '.join(wrong)} cannot be put back")

    def _note_resets(self, product: int, record: RawRecord) -> None:
        changed = set(differing(self.products[product], record))
        if new := changed - self._journal.written.get(product, {}).keys() - self._journal.resets:
            self._journal.note_resets(sorted(new))

    def _touched(self, product: int) -> Iterator[str]:
        return (name for name in WRITABLE if name in self._journal.written[product])

    def _corrected(self, product: int, name: str, last: Any, after: RawRecord) -> Any:  # noqa: ANN401
        """What to write next: a vendor that shifts dates is led back by as much."""
        value, shown = self.value(product, name), typed(name, after.values[name])
        if last is None or not isinstance(value, date) or not isinstance(shown, date):
            return value
        return last + (value - shown)

    def _check_ours(self, product: int) -> None:
        before, written = self.products[product], self._journal.written[product]
        now = self._now(product)
        for name in differing(before, now):
            read = now.values[name]
            if name not in WRITABLE or not may_be_left(name, read, written, before.values[name]):
                raise NotAsLeftError(
                    f"product {product}: {name} is neither as it was nor as it was left; "
                    "somebody else has changed it, so nothing is put back"
                )

    def _check_as_before(self, product: int, before: RawRecord, record: RawRecord) -> None:
        if wrong := differing(before, record):
            raise NotAsLeftError(
                f"product {product}: {', '.join(wrong)} is not as this run left it; "
                "somebody else has changed it"
            )

    def _now(self, product: int) -> RawRecord:
        reply = self._lab.query(Filters(ids=(product,)))
        records = [record for record in reply.records if record.id == product]
        if reply.kind is not Kind.DONE or len(records) != 1:
            why = self._lab.words(reply) if reply.kind is not Kind.DONE else "no such product"
            raise StoppedError(f"product {product} cannot be read: {why}")
        return records[0]


def _restorable_fields(item: tuple[int, RawRecord]) -> int:
    _, record = item
    return sum(is_restorable(name, record.values[name]) for name in WRITABLE)
