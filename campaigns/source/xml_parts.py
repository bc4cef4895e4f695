"""The XML parts of a workbook, element by element, and what is said of damaged ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zipfile import BadZipFile

from lxml import etree

from campaigns.errors import InputError


def root_of(file: Any) -> Any:  # noqa: ANN401 - lxml's
    """The root element of a small part. Entities are not resolved, and nothing is fetched."""
    return etree.parse(file, etree.XMLParser(resolve_entities=False, no_network=True)).getroot()


def elements(file: Any, tags: Sequence[str]) -> Iterator[Any]:  # noqa: ANN401 - lxml's
    """Each such element when it is whole; afterwards it is emptied, and those before dropped."""
    for _, element in etree.iterparse(
        file, tag=tags, resolve_entities=False, no_network=True, huge_tree=True
    ):
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


class DamageError(ValueError):
    """What is wrong with a workbook's parts, in words."""


@contextmanager
def damage_told() -> Iterator[None]:
    """Raises InputError for whatever the parts of a damaged workbook raise."""
    try:
        yield
    except (BadZipFile, etree.XMLSyntaxError, zlib.error, EOFError) as exc:
        raise InputError("the workbook is damaged, or cut off: its XML cannot be read") from exc
    except (KeyError, IndexError, StopIteration, NotImplementedError) as exc:
        raise InputError("the workbook is damaged: a part that it refers to is missing") from exc
    except struct.error as exc:
        raise InputError("the workbook is damaged: a record is too short") from exc
    except DamageError as exc:
        raise InputError(f"the workbook is damaged: {exc}") from exc
    except (ValueError, OverflowError) as exc:
        raise InputError("the workbook is damaged: a number in it cannot be read") from exc
