"""The binary records that an XLSB workbook consists of."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import IO

from campaigns.source.xml_parts import DamageError

_BLOCK_BYTES = 1 << 20
_MORE, _BITS = 0x80, 7
_LONGEST_SIZE, _LONGEST_KIND = 4, 2
_LARGEST = 1 << 24


class Kind(IntEnum):
    """The records that are of use here, by MS-XLSB's numbers."""

    ROW = 0
    BLANK = 1
    SHORT = 2
    ERROR = 3
    FLAG = 4
    REAL = 5
    TEXT = 6
    SHARED = 7
    FORMULA_TEXT = 8
    FORMULA_NUMBER = 9
    FORMULA_FLAG = 10
    FORMULA_ERROR = 11
    LAST_CELL = 11
    SHARED_TEXT = 19
    FORMAT = 44
    STYLE = 47
    COLUMN = 60
    RICH_TEXT = 62
    VIEW = 137
    ROWS_END = 146
    WORKBOOK = 153
    SHEET = 156
    MERGED = 176
    CELL_STYLES = 617
    CELL_STYLES_END = 618


class Records:
    """The records of a part, one by one, however large it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Kind and content. Raises DamageError."""
        while self._has(1):
            kind = self._number(_LONGEST_KIND)
            size = self._number(_LONGEST_SIZE)
            if size > _LARGEST or not self._has(size):
                raise DamageError("it is cut off, or no workbook")
            yield kind, self._buffer[self._at : self._at + size]
            self._at += size

    def _number(self, most_bytes: int) -> int:
        number = 0
        for place in range(most_bytes):
            if not self._has(1):
                raise DamageError("it is cut off")
            byte = self._buffer[self._at]
            self._at += 1
            number |= (byte & ~_MORE) << (_BITS * place)
            if not byte & _MORE:
                break
        return number

    def _has(self, size: int) -> bool:
        """Whether so many bytes more are there."""
        while len(self._buffer) - self._at < size:
            block = self._file.read(_BLOCK_BYTES)
            if not block:
                return False
            self._buffer, self._at = self._buffer[self._at :] + block, 0
        return True


def wide_text(body: bytes, at: int) -> tuple[str, int]:
    """A text that is preceded by its length, and where it ends. Raises DamageError."""
    length = int.from_bytes(body[at : at + 4], "little")
    if length == _NO_TEXT:
        return "", at + 4
    end = at + 4 + 2 * length
    if end > len(body):
        raise DamageError("a text is longer than its record")
    return body[at + 4 : end].decode("utf-16-le", "replace"), end


_NO_TEXT = 0xFFFFFFFF
