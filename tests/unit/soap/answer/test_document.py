"""What may stand around the document, and what may not."""

from __future__ import annotations

import codecs
import time

import pytest

from worker.soap.answer.document import document_of
from worker.soap.answer.xml import UnreadableAnswerError
from worker.soap.http.wire import HttpResponse

XML = '<?xml version="1.0" encoding="utf-8"?><a>é</a>'.encode()
BARE = "<a>é</a>"


def response(body: bytes, content_type: str = "text/xml; charset=utf-8") -> HttpResponse:
    return HttpResponse(200, {"content-type": content_type}, body)


def multipart(*parts: tuple[str, bytes]) -> HttpResponse:
    body = b"".join(
        b"--b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (kind.encode(), content)
        for kind, content in parts
    )
    return response(body + b"--b--\r\n", 'multipart/related; boundary="b"')


@pytest.mark.parametrize(
    "before",
    [b"", b"\n", b" \r\n\t", codecs.BOM_UTF8, codecs.BOM_UTF8 * 2, codecs.BOM_UTF8 + b"\n"],
)
def test_what_stands_before_a_document_is_left_out(before: bytes) -> None:
    assert document_of(response(before + XML)) == XML


def test_however_much_stands_before_it_costs_little() -> None:
    began = time.process_time()
    assert document_of(response((codecs.BOM_UTF8 + b"\n") * 500_000 + XML)) == XML
    assert time.process_time() - began < 2


def test_a_document_in_another_encoding_stays_as_it_is() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?><a>é</a>'.encode("utf-16")
    assert document_of(response(text)) == text


@pytest.mark.parametrize("label", ["utf-16", "UTF-16", "Unicode"])
def test_a_label_that_the_bytes_contradict_is_left_out(label: str) -> None:
    labelled = XML.replace(b"utf-8", label.encode())
    assert document_of(response(labelled)) == XML.replace(b' encoding="utf-8"', b"")


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-16le"])
def test_a_document_without_a_declaration_is_in_the_charset_of_its_header(charset: str) -> None:
    body = BARE.encode(charset)
    assert document_of(response(body, f"text/xml; charset={charset}")) == BARE.encode()


def test_a_declaration_says_more_than_the_header() -> None:
    assert document_of(response(XML, "text/xml; charset=iso-8859-1")) == XML


def test_bytes_that_are_not_in_the_charset_of_the_header_are_refused() -> None:
    for charset in ("no-such-charset", "hex", "idna", "undefined"):
        with pytest.raises(UnreadableAnswerError, match=f"not in '{charset}'"):
            document_of(response(BARE.encode(), f"text/xml; charset={charset}"))


def test_the_one_document_of_a_multipart_answer_is_taken() -> None:
    for kind in ("application/xop+xml; charset=utf-8", "text/xml", "application/soap+xml"):
        assert document_of(multipart(("image/png", b"\x89PNG"), (kind, XML))) == XML


@pytest.mark.parametrize("parts", [[], [("text/plain", b"x")], [("text/xml", XML)] * 2])
def test_a_multipart_answer_without_exactly_one_document_is_refused(
    parts: list[tuple[str, bytes]],
) -> None:
    with pytest.raises(UnreadableAnswerError, match="XML documents in a multipart"):
        document_of(multipart(*parts))


def test_nothing_is_made_of_nothing() -> None:
    assert document_of(response(b"")) == b""
