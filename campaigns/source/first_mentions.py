"""Whether a file mentions a product for the first time, for a million products in little memory."""

from __future__ import annotations

from array import array
from enum import Enum

_FIRST_BITS = 10
# A table that is fuller than this many thirds is doubled.
_FULL_THIRDS = 2
# 2^32 divided by the golden ratio: spreads ids that are dense, and multiples of one number.
_SPREAD = 2654435769
_WORD_BITS = 32
_WORD = (1 << _WORD_BITS) - 1
_MARK = (1 << 64) - 1


class Mention(Enum):
    """What a row's mention of a product is, beside the first one."""

    FIRST = "first"
    REPEATED = "repeated"
    """The wish is the first one's."""
    CONFLICTING = "conflicting"


class FirstMentions:
    """A hash table with open addressing: 18 to 36 bytes an id, where a dict takes above 150."""

    def __init__(self) -> None:
        self._count = 0
        self._clear(_FIRST_BITS)

    def note(self, product_id: int, wish: int) -> Mention:
        """One more mention of the id (1 to 2^32 - 1); `wish` is a 64-bit hash of what is wanted."""
        mark = wish & _MARK
        slot = self._slot(product_id)
        if self._ids[slot]:
            return Mention.REPEATED if self._marks[slot] == mark else Mention.CONFLICTING
        self._put(slot, product_id, mark)
        self._count += 1
        if self._count * 3 > len(self._ids) * _FULL_THIRDS:
            self._double()
        return Mention.FIRST

    def _slot(self, product_id: int) -> int:
        """Where the id is, or would be."""
        ids = self._ids
        slot = (product_id * _SPREAD & _WORD) >> (_WORD_BITS - self._bits)
        while ids[slot] not in {0, product_id}:
            slot = (slot + 1) & self._mask
        return slot

    def _put(self, slot: int, product_id: int, mark: int) -> None:
        self._ids[slot] = product_id
        self._marks[slot] = mark

    def _double(self) -> None:
        known = zip(self._ids, self._marks, strict=True)
        self._clear(self._bits + 1)
        for product_id, mark in known:
            if product_id:
                self._put(self._slot(product_id), product_id, mark)

    def _clear(self, bits: int) -> None:
        self._bits = bits
        self._mask = (1 << bits) - 1
        # Not from bytes, which would be there beside it, at its peak.
        self._ids, self._marks = array("I", [0]) * (1 << bits), array("Q", [0]) * (1 << bits)
