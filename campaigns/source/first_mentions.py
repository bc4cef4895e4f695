"""The line of a file that mentions a product first, for a million products in little memory."""

from __future__ import annotations

from array import array

_FIRST_BITS = 10
# A table that is fuller than this many thirds is doubled.
_FULL_THIRDS = 2
# 2^32 divided by the golden ratio: spreads ids that are dense, and multiples of one number.
_SPREAD = 2654435769
_WORD_BITS = 32
_WORD = (1 << _WORD_BITS) - 1
_MARK = (1 << 64) - 1


class FirstMentions:
    """A hash table with open addressing: 24 to 48 bytes an id, where a dict takes above 150."""

    def __init__(self) -> None:
        self._count = 0
        self._clear(_FIRST_BITS)

    def note(self, product_id: int, line: int, wish: int) -> tuple[int, bool]:
        """The line that named the id (1 to 2^32 - 1) first, which may be this one.

        And whether its wish was the same; `wish` is a 64-bit hash of it.
        """
        mark = wish & _MARK
        slot = self._slot(product_id)
        if self._ids[slot]:
            return self._lines[slot], self._marks[slot] == mark
        self._put(slot, product_id, line, mark)
        self._count += 1
        if self._count * 3 > len(self._ids) * _FULL_THIRDS:
            self._double()
        return line, True

    def _slot(self, product_id: int) -> int:
        """Where the id is, or would be."""
        ids = self._ids
        slot = (product_id * _SPREAD & _WORD) >> (_WORD_BITS - self._bits)
        while ids[slot] not in {0, product_id}:
            slot = (slot + 1) & self._mask
        return slot

    def _put(self, slot: int, product_id: int, line: int, mark: int) -> None:
        self._ids[slot] = product_id
        self._lines[slot] = line
        self._marks[slot] = mark

    def _double(self) -> None:
        known = zip(self._ids, self._lines, self._marks, strict=True)
        self._clear(self._bits + 1)
        for product_id, line, mark in known:
            if product_id:
                self._put(self._slot(product_id), product_id, line, mark)

    def _clear(self, bits: int) -> None:
        self._bits = bits
        self._mask = (1 << bits) - 1
        self._ids, self._lines = (array("I", bytes(4 << bits)) for _ in range(2))
        self._marks = array("Q", bytes(8 << bits))
