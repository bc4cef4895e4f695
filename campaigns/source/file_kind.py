"""What a file is, by what it holds; its name's ending is not asked."""

from __future__ import annotations

import re
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from campaigns.errors import InputError

_START_BYTES = 4096
_ZIP, _OLE = b"PK\3\4", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLD_BIFF = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08\x10\x00")
_MANIFEST = "META-INF/manifest.xml"
_SAVE_AS = "open it in a spreadsheet program and save it as XLSX or CSV"
_FOREIGN = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an XZ archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "an SQLite database",
    b"\0\1\0\0Standard": "an Access database",
    b"{\\rtf": "an RTF document",
    b"\0\0\x1a\0": "a Lotus 1-2-3 workbook",
    b"\0\0\2\0": "a Lotus 1-2-3 workbook",
    b"\3": "a dBASE table",
    b"\0\5\x16\7": "what a Mac notes beside a file (take the one without ._ in its name)",
}
_HTML = re.compile(
    rb"<(!doctype\s+html|html|head|meta|body|table|div|style|script)\b", re.IGNORECASE
)
_MHTML = re.compile(
    rb"^(MIME-Version|From|Content-Type|Received|Return-Path|Delivered-To|Subject):", re.IGNORECASE
)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SYLK = re.compile(rb"^ID;P\w*[^\n]*\r?\n[PFCB];")
_DIF = re.compile(rb"^TABLE\r?\n0,1\r?\n")
_JSON = re.compile(rb'^(\[\s*)?\{\s*"')


def kind_of(path: Path) -> str:
    """csv, xlsx, xlsb, xls or ods. Raises InputError for anything else, by its name."""
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
    for mark, name in _FOREIGN.items():
        if start.startswith(mark):
            raise InputError(f"the file is {name}, not a price list")
    if start.startswith(_ZIP):
        return _kind_of_zip(path)
    if start.startswith(_OLE):
        return _kind_of_ole(path)
    if start.startswith(_OLD_BIFF):
        return "xls"
    if start.startswith(_UTF16_MARKS):
        start = start.decode("utf-16", "ignore").encode()
    _refuse_foreign_text(start.lstrip(b"\xef\xbb\xbf \t\r\n"))
    return "csv"


def _kind_of_zip(path: Path) -> str:
    try:
        with ZipFile(path) as parts:
            names = {name.replace("\\", "/").lower() for name in parts.namelist()}
            # Some programs leave the first of them out.
            named = [name for name in ("mimetype", _MANIFEST) if name in parts.namelist()]
            mimetype = parts.read(named[0]).decode("utf-8", "replace") if named else ""
    except (BadZipFile, OSError, KeyError, RuntimeError, NotImplementedError) as exc:
        raise InputError("the file is not a whole workbook: it is damaged, or cut off") from exc
    if "opendocument.spreadsheet" in mimetype:
        return "ods"
    if any(name.endswith("workbook.bin") for name in names):
        return "xlsb"
    if any(name.endswith("workbook.xml") for name in names):
        return "xlsx"
    for folder, name in (
        ("word/", "a Word document"),
        ("ppt/", "a PowerPoint file"),
        ("index/", "an Apple Numbers workbook (export it as Excel or CSV)"),
    ):
        if any(part.startswith(folder) for part in names):
            raise InputError(f"the file is {name}, not a workbook")
    what = "an OpenDocument file" if mimetype else "a ZIP archive"
    raise InputError(f"the file is {what}, not a workbook; unpack it, or {_SAVE_AS}")


def _kind_of_ole(path: Path) -> str:
    content = path.read_bytes()
    if _stream("EncryptedPackage") in content:
        raise InputError(
            "the workbook is protected by a password: save it without one (File, Info, Protect "
            "Workbook) and plan that"
        )
    if _stream("Workbook") in content or _stream("Book") in content:
        return "xls"
    for stream, name in (
        ("WordDocument", "a Word document"),
        ("PowerPoint Document", "a PowerPoint file"),
        ("MatOST", "a Works file"),
    ):
        if _stream(stream) in content:
            raise InputError(f"the file is {name}, not a workbook")
    raise InputError(f"the file is not a workbook that is known here; {_SAVE_AS}")


def _stream(name: str) -> bytes:
    return name.encode("utf-16-le")


def _refuse_foreign_text(start: bytes) -> None:
    if start.startswith(b"<?xml") and b"Excel.Sheet" in start:
        raise InputError(f"the file is an XML Spreadsheet of Excel 2003; {_SAVE_AS}")
    if start.startswith(b"<?xml") and b"opendocument" in start:
        raise InputError(f"the file is a flat OpenDocument file (FODS); {_SAVE_AS}")
    if _HTML.match(start) or (start.startswith((b"<?xml", b"<!--")) and _HTML.search(start)):
        raise InputError(f"the file is an HTML page, whatever its name says; {_SAVE_AS}")
    if start.startswith(b"<"):
        raise InputError(f"the file is XML, not CSV; {_SAVE_AS}")
    if _MHTML.match(start):
        raise InputError(f"the file is a web page archive, or a mail; {_SAVE_AS}")
    if _SYLK.match(start):
        raise InputError(f"the file is in the SYLK format; {_SAVE_AS}")
    if _DIF.match(start):
        raise InputError(f"the file is in the DIF format; {_SAVE_AS}")
    if _JSON.match(start):
        raise InputError("the file is JSON, not CSV")
