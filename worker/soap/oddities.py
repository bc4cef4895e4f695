"""What was odd in the vendor's answers: counted, and logged when it is first met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import structlog

from tasks.ports import UnreadableRecord
from worker.soap.answer.reader import SoapAnswer

_log = structlog.get_logger(__name__)


class Oddities:
    """Counts oddities in one account's answers, per process. As thread-safe as counting needs."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._unknown: Counter[str] = Counter()
        self._replaced: Counter[int] = Counter()
        self._unreadable: Counter[tuple[int | None, str | None]] = Counter()

    @property
    def unknown_elements(self) -> Mapping[str, int]:
        """Counts, by name, of elements that this version does not know."""
        return self._unknown

    @property
    def replaced_characters(self) -> Mapping[int, int]:
        """Counts, by product ID, of records in whose texts forbidden characters were replaced."""
        return self._replaced

    def note(self, answer: SoapAnswer) -> None:
        """The log says each once: the vendor sends the same again and again."""
        if answer.unknown:
            self._note_unknown(answer.unknown)
        if answer.replaced_in:
            self._note_replaced(answer.replaced_in)
        if answer.unreadable:
            self._note_unreadable(answer.unreadable)

    def _note_unknown(self, unknown: Counter[str]) -> None:
        if new := unknown.keys() - self._unknown.keys():
            _log.warning("unknown_elements", account=self._account, names=sorted(map(str, new)))
        self._unknown.update(unknown)

    def _note_replaced(self, products: Iterable[int]) -> None:
        if new := sorted(set(products) - self._replaced.keys()):
            _log.warning("forbidden_characters_replaced", account=self._account, products=new)
        self._replaced.update(products)

    def _note_unreadable(self, records: Iterable[UnreadableRecord]) -> None:
        known = {(record.customer_product_id, record.field): record for record in records}
        for key in known.keys() - self._unreadable.keys():
            _log.warning(
                "record_unreadable",
                account=self._account,
                product=key[0],
                field=key[1],
                problem=known[key].problem,
            )
        self._unreadable.update(known.keys())
