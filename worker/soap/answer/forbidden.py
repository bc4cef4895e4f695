"""Characters that XML forbids, found and marked, so that the rest of an answer can be read.

.NET writes a control character in a product's description as `&#x1B;`, which no XML parser takes:
one such text would make the answer about all products unreadable. The same holds for a raw control
character and for bytes that are not text in the document's encoding.
"""

from __future__ import annotations

import codecs
import re

MARK = "\U0001fffe"
"""Stands for one forbidden character. Unicode will never assign it, and XML allows it."""
REPLACEMENT = "\ufffd"
"""What readers get to see instead."""

_DECLARATION = re.compile(r"<\?xml\s[^>]*\?>\s*")
_ENCODING = re.compile(rb"""\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# In a CDATA section nothing is a reference.
_REFERENCE = re.compile(
    r"<!\[CDATA\[.*?\]\]>|&#(?:x0*([0-9a-fA-F]{1,7})|0*([0-9]{1,7}));", re.DOTALL
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARKED = "revio-mark-forbidden"
codecs.register_error(_MARKED, lambda exc: (MARK, getattr(exc, "end", 0)))


def mark_forbidden(body: bytes) -> bytes | None:
    """The document in UTF-8 with each forbidden character marked.

    None if it has none, or one that is not in an element's text: there it could change what the
    document says.
    """
    text = _decoded(body)
    if text is None or MARK.encode() in body:
        return None
    text = _REFERENCE.sub(_marked_reference, _FORBIDDEN.sub(MARK, text))
    if not _are_in_texts(text):
        return None
    return _DECLARATION.sub("", text, count=1).encode()


def _decoded(body: bytes) -> str | None:
    declared = _ENCODING.match(body)
    named = declared[1].decode() if declared else "utf-8"
    if declared and named.lower().startswith("utf-16"):
        # Its bytes could be read as ASCII: .NET's StringWriter says UTF-16 of any text.
        named = "utf-8"
    encoding = next((name for bom, name in _BOMS if body.startswith(bom)), named)
    try:
        return body.decode(encoding, _MARKED)
    except LookupError:
        return None


def _marked_reference(reference: re.Match[str]) -> str:
    if reference[0].startswith("<"):
        return reference[0]
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    is_character = code <= 0x10FFFF and not _FORBIDDEN.match(chr(code))  # noqa: PLR2004 - the last
    return reference[0] if is_character else MARK


def _are_in_texts(text: str) -> bool:
    """Whether there are marks, each in the text of an element that has no child elements.

    Of a text one mark is looked at, however many it has: each looks back to where the text began.
    """
    at = text.find(MARK)
    is_marked = at >= 0
    while at >= 0:
        if not _is_in_a_text(text, at):
            return False
        ends = text.find("<", at)
        at = text.find(MARK, ends) if ends >= 0 else -1
    return is_marked


def _is_in_a_text(text: str, at: int) -> bool:
    """Whether this place is in the text of an element that has no child elements."""
    opened = text.rfind("<", 0, at)
    if text.startswith("<![CDATA[", opened):
        return True
    closed = text.rfind(">", 0, at)
    is_after_a_start = closed > opened and text[opened + 1] not in "/!?" and text[closed - 1] != "/"
    return is_after_a_start and text.startswith(("</", "<![CDATA["), text.find("<", at))
