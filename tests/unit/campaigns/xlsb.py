"""Writes small XLSB workbooks: no spreadsheet library does."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from zipfile import ZipFile

Value = float | str | bool | None
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.ms-excel"
_FIRST_OWN_FORMAT = 164


def write_xlsb(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[Value]]],
    *,
    formats: Mapping[tuple[int, int], str] | None = None,
    hidden_rows: Iterable[int] = (),
    hidden_columns: Iterable[int] = (),
    merged: Iterable[tuple[int, int, int, int]] = (),
    hidden_sheets: Iterable[str] = (),
    from_1904: bool = False,
    hides_zeros: bool = False,
) -> Path:
    """All sheets have the formats (by line from 1 and place from 0) and hidden parts in common."""
    codes = sorted(set((formats or {}).values()))
    styles = {place: 1 + codes.index(code) for place, code in (formats or {}).items()}
    with ZipFile(path, "w") as parts:
        parts.writestr("[Content_Types].xml", _content_types(len(sheets)))
        parts.writestr("_rels/.rels", _relations({"r1": ("officeDocument", "xl/workbook.bin")}))
        targets = {"styles": ("styles", "styles.bin")}
        bundle = b""
        for number, (name, rows) in enumerate(sheets.items(), start=1):
            targets[f"s{number}"] = ("worksheet", f"worksheets/sheet{number}.bin")
            state = struct.pack("<II", int(name in set(hidden_sheets)), number)
            bundle += _record(156, state + _text(f"s{number}") + _text(name))
            sheet = _sheet(rows, styles, set(hidden_rows), sorted(hidden_columns), list(merged))
            view = _record(137, struct.pack("<H", 0x2CC if hides_zeros else 0x2DC) + bytes(28))
            parts.writestr(
                f"xl/worksheets/sheet{number}.bin", _record(129) + view + sheet + _record(130)
            )
        book = _record(153, struct.pack("<III", int(from_1904), 0, 0))
        book += _record(143) + bundle + _record(144)
        parts.writestr("xl/workbook.bin", _record(131) + book + _record(132))
        parts.writestr("xl/_rels/workbook.bin.rels", _relations(targets))
        parts.writestr("xl/styles.bin", _styles(codes))
    return path


def _sheet(
    rows: Sequence[Sequence[Value]],
    styles: Mapping[tuple[int, int], int],
    hidden_rows: set[int],
    hidden_columns: Sequence[int],
    merged: Sequence[tuple[int, int, int, int]],
) -> bytes:
    columns = b"".join(
        _record(60, struct.pack("<IIIIH", place, place, 2560, 0, 1)) for place in hidden_columns
    )
    content = _record(390) + columns + _record(391) if columns else b""
    content += _record(145)
    for line, cells in enumerate(rows, start=1):
        flags = 0x10 if line in hidden_rows else 0
        content += _record(0, struct.pack("<IIHBBBI", line - 1, 0, 300, 0, flags, 0, 0))
        for place, value in enumerate(cells):
            content += _cell(place, styles.get((line, place), 0), value)
    content += _record(146)
    if merged:
        areas = (_record(176, struct.pack("<IIII", *area)) for area in merged)
        content += _record(177, struct.pack("<I", len(merged))) + b"".join(areas) + _record(178)
    return content


def _cell(place: int, style: int, value: Value) -> bytes:
    start = struct.pack("<II", place, style)
    match value:
        case None:
            return _record(1, start)
        case bool():
            return _record(4, start + bytes([value]))
        case str():
            return _record(6, start + _text(value))
        case int() if abs(value) < 1 << 29:
            return _record(2, start + struct.pack("<i", value << 2 | 2))
        case _:
            return _record(5, start + struct.pack("<d", value))


def _styles(codes: Sequence[str]) -> bytes:
    formats = b"".join(
        _record(44, struct.pack("<H", _FIRST_OWN_FORMAT + number) + _text(code))
        for number, code in enumerate(codes)
    )
    numbers = [0, *(_FIRST_OWN_FORMAT + number for number in range(len(codes)))]
    cell = b"".join(
        _record(47, struct.pack("<HHHHHBBH", 0, number, 0, 0, 0, 0, 0, 0)) for number in numbers
    )
    return b"".join(
        [
            _record(278),
            *(_record(615, struct.pack("<I", len(codes))), formats, _record(616)),
            *(_record(617, struct.pack("<I", len(numbers))), cell, _record(618)),
            _record(279),
        ]
    )


def _record(kind: int, body: bytes = b"") -> bytes:
    start = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size, length = b"", len(body)
    while True:
        size += bytes([length & 0x7F | (0x80 if length >> 7 else 0)])
        length >>= 7
        if not length:
            return start + size + body


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    return struct.pack("<I", len(encoded) // 2) + encoded


def _relations(targets: Mapping[str, tuple[str, str]]) -> str:
    entries = "".join(
        f'<Relationship Id="{name}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for name, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{entries}</Relationships>'


def _content_types(sheets: int) -> str:
    entries = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.bin" ContentType="{_TYPES}.worksheet"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="bin" ContentType="{_TYPES}.sheet.binary.macroEnabled.main"/>'
        f'<Override PartName="/xl/styles.bin" ContentType="{_TYPES}.styles"/>{entries}</Types>'
    )
