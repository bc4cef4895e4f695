"""Links as they are written for readers of the repository, and as the site needs them."""

from __future__ import annotations

import posixpath
import re

ROOT_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages outside docs/ in the repository, and their names on the site."""

_DOCS = "docs/"
_LINK = re.compile(r"(?<=\]\()(?P<path>[^)#\s]+)(?=[)#])")
_IS_ADDRESS = re.compile(r"[a-z]+:", re.IGNORECASE)


def for_site(markdown: str, page: str) -> str:
    """The page's Markdown with its links to files rewritten. `page` is its path on the site."""
    return _LINK.sub(lambda link: _rewritten(link["path"], page), markdown)


def _rewritten(target: str, page: str) -> str:
    if _IS_ADDRESS.match(target):
        return target
    beside = posixpath.dirname(_in_repository(page))
    return posixpath.relpath(
        _of_site(posixpath.normpath(posixpath.join(beside, target))),
        posixpath.dirname(page) or ".",
    )


def _in_repository(page: str) -> str:
    names = {site: name for name, site in ROOT_PAGES.items()}
    return names.get(page, _DOCS + page)


def _of_site(path: str) -> str:
    """A file that the site does not have stays as it is, and fails the build."""
    return ROOT_PAGES.get(path, path.removeprefix(_DOCS))
