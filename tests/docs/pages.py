"""The pages for people, and the code blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOT_PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")

_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FENCE = re.compile(r"^ *(```|~~~)", re.MULTILINE)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    code: str
    not_run: str
    """Why no test runs it; "" if one does."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def page_paths() -> Iterator[Path]:
    """Every page, those beside docs/ first."""
    yield from (ROOT / name for name in (*ROOT_PAGES, "client/README.md"))
    yield from sorted((ROOT / "docs").rglob("*.md"))


def name_of(path: Path) -> str:
    """The page's path in the repository."""
    return path.relative_to(ROOT).as_posix()


def blocks_of(path: Path) -> list[Block]:
    """The page's fenced blocks. Raises ValueError for a fence that is read otherwise."""
    text = path.read_text(encoding="utf-8")
    found = [
        Block(
            name_of(path),
            text.count("\n", 0, match.start("code")),
            match["language"],
            match["code"],
            match["reason"] or "",
        )
        for match in _BLOCK.finditer(text)
    ]
    if len(_FENCE.findall(text)) != 2 * len(found):
        raise ValueError(
            f"{name_of(path)}: a fence is indented, unclosed or has more than a language"
        )
    return found


def links_of(path: Path) -> list[str]:
    """The files that a page links to or shows, as it names them."""
    text = _BLOCK.sub("", path.read_text(encoding="utf-8"))
    targets = (match["target"] for match in _LINK.finditer(text))
    return [target for target in targets if not re.match(r"[a-z]+:|#", target)]
