"""Takes out of the vendor's words what nobody else may read."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from worker.soap import RawRecord

_LONGEST = 160
_SHORTEST_TEXT = 3
# An ID, an amount, a telephone number, a date.
_NUMBERS = re.compile(r"\d[\d.,:/-]*\d\d+|\d{3,}")
_CODE = re.compile(r"[A-Za-z]{0,8}[-_.:]?\d{0,5}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
# Its words are the vendor's own.
_PUBLIC = frozenset({"Status"})


class Redactor:
    """Knows the secrets of an account, and every text that its products have shown."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        self._secrets = {spelling for text in secrets if text for spelling in _spellings(text)}
        self._texts: set[str] = set()

    def add_secret(self, text: str) -> None:
        self._secrets.update(_spellings(text))

    def add_record(self, record: RawRecord) -> None:
        texts = (text for name, text in record.leaves.items() if name not in _PUBLIC and text)
        self._texts.update(text for text in texts if len(text) >= _SHORTEST_TEXT)

    def code(self, text: str) -> str:
        """An error code, which is the vendor's own if it looks like one."""
        is_hidden = any(known in text for known in (*self._secrets, *self._texts))
        return text if _CODE.fullmatch(text) and not is_hidden else self.words(text)

    def words(self, text: str) -> str:
        """The text in one line, without secrets, customers' data and numbers of three digits."""
        for hidden, sign in ((self._secrets, "[secret]"), (self._texts, "[data]")):
            for known in sorted(hidden, key=len, reverse=True):
                text = text.replace(known, sign)
        return _UNPRINTABLE.sub(" ", _NUMBERS.sub("#", text))[:_LONGEST].strip()


def _spellings(text: str) -> set[str]:
    return {text, html.escape(text), html.escape(text, quote=False)}
