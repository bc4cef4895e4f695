"""Conditional formats of an XLSX sheet that change what its numbers show, or hide them.

Whether their condition holds is not computed here. So a used column with one is asked about.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

_NO = frozenset({"0", "false", "off"})


def numbered_styles(styles: Any) -> frozenset[str]:  # noqa: ANN401 - lxml's
    """Of a `styleSheet`: the conditional styles that have a number format of their own."""
    own = styles.iterfind("{*}dxfs/{*}dxf")
    return frozenset(
        str(place) for place, style in enumerate(own) if style.find("{*}numFmt") is not None
    )


def restyled_ranges(element: Any, numbered: Collection[str]) -> list[str]:  # noqa: ANN401 - lxml's
    """Of a `conditionalFormatting`: where it changes what is shown, such as B2:B9."""
    if not any(_changes_numbers(rule, numbered) for rule in element.iterfind("{*}cfRule")):
        return []
    return (element.get("sqref") or element.findtext("{*}sqref") or "").split()


def _changes_numbers(rule: Any, numbered: Collection[str]) -> bool:  # noqa: ANN401 - lxml's
    hides = any(part.get("showValue") in _NO for part in rule)
    return hides or rule.get("dxfId") in numbered or rule.find("{*}dxf/{*}numFmt") is not None
