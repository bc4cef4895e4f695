"""The XML document in an HTTP response's body, unwrapped from what servers and proxies add."""

from __future__ import annotations

import codecs
import re
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP

from worker.soap.answer.xml import UnreadableAnswerError
from worker.soap.http.wire import HttpResponse

_BEFORE = re.compile(rb"(?:\xef\xbb\xbf|[ \t\r\n])++")
_XML_TYPES = re.compile(r"(text|application)/(xml|xop\+xml|[\w.-]+\+xml)")
_MISLABELLED = re.compile(
    rb"""\A(<\?xml\s[^>]{0,200}?)\s+encoding\s*=\s*["'](?:utf-?16|ucs-?2|unicode)["']""",
    re.IGNORECASE,
)
_DECLARED = re.compile(rb"\A<\?xml\s[^>]{0,200}?encoding\s*=")
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def document_of(response: HttpResponse) -> bytes:
    """The document, with nothing before it. Raises UnreadableAnswerError."""
    body = response.body
    content = Message()
    content["Content-Type"] = response.headers.get("content-type", "")
    if content.get_content_maintype() == "multipart":
        return _document(*_root_part(body, content))
    return _document(body, content.get_content_charset())


def _root_part(body: bytes, content: Message) -> tuple[bytes, str | None]:
    """The one XML part of a multipart/related message (MTOM, SwA), and its charset."""
    head = f"Content-Type: {content['Content-Type']}\r\n\r\n".encode("latin-1", "replace")
    parts = BytesParser(policy=HTTP).parsebytes(head + body).walk()
    documents = [part for part in parts if _XML_TYPES.fullmatch(part.get_content_type())]
    if len(documents) != 1:
        raise UnreadableAnswerError(f"{len(documents)} XML documents in a multipart answer")
    payload = documents[0].get_payload(decode=True)
    if not isinstance(payload, bytes):
        raise UnreadableAnswerError("a multipart answer without a document")
    # Its own declaration says more than what a part of type xop+xml is labelled with.
    return payload, documents[0].get_content_charset()


def _document(text: bytes, charset: str | None) -> bytes:
    """Without what XML allows nowhere before a declaration, and in an encoding that it names."""
    bare = text if _is_wide(text) else text.rstrip(b"\x00")
    if before := _BEFORE.match(bare):
        bare = bare[before.end() :]
    # These bytes can be read as ASCII, and so are not UTF-16, as .NET's StringWriter labels all.
    bare = _MISLABELLED.sub(rb"\1", bare)
    if charset in {None, "utf-8", "us-ascii"} or _DECLARED.match(bare) or text.startswith(_BOMS):
        return bare
    try:
        return bare.decode(charset).encode()
    except (LookupError, UnicodeError):
        raise UnreadableAnswerError(f"the answer is not in {charset[:20]!r}") from None


def _is_wide(text: bytes) -> bool:
    """Whether each character takes two bytes, so that a NUL at the end may belong to one."""
    return b"\x00" in text[:4]
