"""The hooks that mkdocs calls; see mkdocs.yml."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.generator.commands import command_reference, exit_codes
from docs.generator.contracts import fields
from docs.generator.links import ROOT_PAGES, for_site
from docs.generator.redis_faults import redis_faults
from settings.table import markdown as settings_reference

ROOT = Path(__file__).parents[2]

GENERATED: dict[str, Callable[[], str]] = {
    "commands": command_reference,
    "exit codes": exit_codes,
    "settings": settings_reference,
    "redis faults": redis_faults,
}
"""What stands where a page says `<!-- generated: NAME -->`; `fields of NAME` is a contract's."""

_MARK = re.compile(r"^<!-- generated: (?P<name>.+) -->$", re.MULTILINE)
_LOADED_FROM_ELSEWHERE = re.compile(
    r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"?(?:https?:)?//"
)
_IS_NO_LOAD = re.compile(r"<link\b[^>]*?rel=\"?(?:canonical|next|prev)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside docs/."""
    for name, page in ROOT_PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs names them
    """Put in what is generated, and let links fit."""
    return _MARK.sub(lambda mark: generated(mark["name"]), for_site(markdown, page.file.src_uri))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Refuse a page that a browser without a network would show otherwise."""
    for tag in _LOADED_FROM_ELSEWHERE.finditer(output):
        if not _IS_NO_LOAD.match(tag[0]):
            raise PluginError(f"{page.file.src_uri} loads from elsewhere: {tag[0]}")
    return output


def generated(name: str) -> str:
    """The Markdown of that name. Raises PluginError."""
    if contract := name.removeprefix("fields of ") if name.startswith("fields of ") else "":
        return fields(contract)
    try:
        return GENERATED[name]()
    except KeyError as exc:
        raise PluginError(f"nothing is generated under the name {name!r}") from exc
