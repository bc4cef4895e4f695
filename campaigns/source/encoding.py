"""Which encoding a text file is in: one for all of it, or none."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from campaigns.errors import InputError

GUESSED = "cp1252"
"""Windows' Western European: what spreadsheets there save a plain CSV in."""

_BLOCK_BYTES = 1 << 20
_LOOKED_AT_BYTES = 4096
# Of the letters of a text in Latin script, where each has its bytes of zero.
_ZERO_PLACES = {
    "utf-32-le": {1, 2, 3},
    "utf-32-be": {0, 1, 2},
    "utf-16-le": {1, 3},
    "utf-16-be": {0, 2},
}
_OFTEN, _RARELY = 0.5, 0.2
# A text may be damaged in so few places.
_SELDOM = 10
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec, and how it was found."""

    name: str
    how: str
    """In words."""
    is_guessed: bool = False


def find_encoding(path: Path, stated: str | None) -> Encoding:
    """As stated; else by the byte order mark; else UTF-8 if all of it is; else a guess.

    Raises InputError for what is not text, or where two encodings are mixed.
    """
    if stated:
        return Encoding(_codec(stated), "as stated")
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT_BYTES)
        for mark, name in _MARKS.items():
            if start.startswith(mark):
                if mark == codecs.BOM_UTF8:
                    file.seek(0)
                    _refuse_mixture(file)
                return Encoding(name, "by its byte order mark")
        if b"\0" in start:
            raise InputError(_binary(start))
        file.seek(0)
        if _is_utf8(iter(lambda: file.read(_BLOCK_BYTES), b"")):
            return Encoding("utf-8", "all of it is valid")
        file.seek(0)
        _refuse_mixture(file)
    return Encoding(GUESSED, "a guess: it is not UTF-8", is_guessed=True)


def _codec(stated: str) -> str:
    try:
        name = codecs.lookup(stated).name
        "".encode(name)
    except LookupError:
        raise InputError(f"--encoding {stated}: there is no such encoding") from None
    return name


def _is_utf8(blocks: Iterable[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in blocks:
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_mixture(lines: Iterable[bytes]) -> None:
    """Raises InputError if some lines can only be UTF-8 and others cannot be."""
    utf8 = other = 0
    for number, line in enumerate(lines, start=1):
        if line.isascii():
            continue
        if _is_utf8([line]):
            utf8 = utf8 or number
        else:
            other = other or number
        if utf8 and other:
            raise InputError(
                f"line {utf8} is UTF-8 and line {other} is not: the file is a mixture of two "
                "encodings; save it in one (or state it with --encoding, if line "
                f"{utf8} looks right in that)"
            )


def _binary(start: bytes) -> str:
    """What the file is that begins so, with bytes of zero in it."""
    if name := _wide_encoding(start):
        says = name[: len("utf-16")].upper()
        return f"the text is in {says} without its mark: state it with --encoding {name}"
    if start.count(0) <= len(start) // _SELDOM and start.isascii():
        line = start[: start.index(0)].count(b"\n") + 1
        return f"line {line} holds a byte of zero: the file is damaged, or not text"
    return "the file is not text and not a workbook; give CSV, XLSX, XLSB, XLS or ODS"


def _wide_encoding(start: bytes) -> str:
    """Which of the encodings with two or four bytes a letter has most zeros where these are."""
    zeros = [start[place::4].count(0) * 4 / len(start) for place in range(4)]
    for name, places in _ZERO_PLACES.items():
        if all(zeros[at] > _OFTEN if at in places else zeros[at] < _RARELY for at in range(4)):
            return name
    return ""
