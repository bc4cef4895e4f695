"""The parts of an XLSX or XLSB workbook, and how they refer to each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from zipfile import ZipFile

from openpyxl.styles.numbers import BUILTIN_FORMATS

from campaigns.source.number_format import GENERAL
from campaigns.source.xml_parts import root_of

_EAST_ASIAN_DATES = dict.fromkeys((*range(27, 37), *range(50, 59)), "yyyy/m/d")
_UNKNOWN_FORMAT = "?/?"
"""Of a number that stands for no format: what it shows cannot be told."""


class OfficePackage:
    """Names are compared without letter case, as programs do that read such files."""

    def __init__(self, parts: ZipFile, main_name: str) -> None:
        """`main_name`: how the workbook's own part is called where nothing refers to it."""
        self._parts = parts
        self._names = {
            name.replace("\\", "/").lstrip("/").lower(): name for name in parts.namelist()
        }
        self.main = self._main_part(main_name)

    @contextmanager
    def opened(self, part: str) -> Iterator[Any]:
        """A part's bytes."""
        with self._parts.open(self._names[part.lower()]) as file:
            yield file

    def tree(self, part: str) -> Any:  # noqa: ANN401 - lxml's
        """The root element of an XML part."""
        with self.opened(part) as file:
            return root_of(file)

    def targets(self) -> Targets:
        """What the workbook's own part refers to."""
        path = PurePosixPath(self.main)
        root = self.tree(f"{path.parent}/_rels/{path.name}.rels".lower().removeprefix("./"))
        return Targets(
            path.parent,
            {
                str(element.get("Id")): (
                    str(element.get("Type", "")).rpartition("/")[2],
                    str(element.get("Target", "")),
                )
                for element in root
            },
            self._names,
        )

    def _main_part(self, main_name: str) -> str:
        if "_rels/.rels" in self._names:
            for element in self.tree("_rels/.rels"):
                if str(element.get("Type", "")).endswith("/officeDocument"):
                    return str(element.get("Target", "")).lstrip("/")
        return next(name for name in self._names if name.endswith(main_name))


@dataclass(frozen=True, slots=True)
class Targets:
    """Where a part's relations lead."""

    folder: PurePosixPath
    relations: Mapping[str, tuple[str, str]]
    names: Mapping[str, str]

    def by_kind(self, kind: str) -> str | None:
        """The first part of that kind."""
        for one, target in self.relations.values():
            if one == kind and (part := self._part(target)):
                return part
        return None

    def sheet(self, relation: str) -> str | None:
        """None for a sheet that holds no cells, such as a chart."""
        kind, target = self.relations.get(relation, ("", ""))
        return self._part(target) if kind == "worksheet" else None

    def _part(self, target: str) -> str | None:
        target = target.replace("\\", "/")
        path = target.lstrip("/") if target.startswith("/") else f"{self.folder}/{target}"
        part = re.sub(r"[^/]+/\.\./", "", path.removeprefix("./")).lower()
        return part if part in self.names else None


class NumberFormats:
    """The number format of each style."""

    def __init__(self, own: Mapping[int, str], styles: list[int]) -> None:
        """`own`: the workbook's formats by number; `styles`: the number of each style's format."""
        known: Mapping[int, str] = {**_EAST_ASIAN_DATES, **BUILTIN_FORMATS, **own}
        self._codes = [known.get(number, _UNKNOWN_FORMAT) for number in styles]

    def code(self, style: int) -> str:
        """General for a style that the workbook does not have."""
        return self._codes[style] if style < len(self._codes) else GENERAL
