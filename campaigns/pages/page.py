"""Renders a template to one HTML file that needs nothing else.

It loads no script, font, image or style. Its own script and style are bound by their digests, so
that a browser runs no other, even if the vendor's or a price list's texts hold scripts.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_PACKAGE = "campaigns.pages"


def page(template: str, **facts: Any) -> str:  # noqa: ANN401 - what the template shows
    """The file's text. Every fact is escaped; one that the template lacks is an error."""
    script, style = _asset("tables.js"), _asset("page.css")
    policy = f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}"
    return (
        _templates()
        .get_template(template)
        .render(
            script=Markup(script),  # noqa: S704 - ours, and no text of anybody's is in it
            style=Markup(style),  # noqa: S704
            policy=policy,
            **facts,
        )
    )


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _asset(name: str) -> str:
    return files(_PACKAGE).joinpath("assets", name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
