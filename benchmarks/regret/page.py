"""docs/advice.md and README.md: every figure stands between markers and is written by `make regret`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = (ROOT / "docs" / "advice.md", ROOT / "README.md")
"""The pages that carry blocks."""
_BLOCK: Final = re.compile(r"<!-- regret (?P<name>[a-z_]+): begin -->.*?<!-- regret (?P=name): end -->", re.DOTALL)


def names_in(text: str) -> list[str]:
    """Names of the blocks of a page, in their order."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """A page with every block replaced by what was measured now.

    Raises:
        KeyError: the page has a block that nothing fills.
    """

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- regret {name}: begin -->\n{blocks[name].strip()}\n<!-- regret {name}: end -->"

    return _BLOCK.sub(block, text)


def write(blocks: Mapping[str, str]) -> list[str]:
    """Fill all pages; the names of the blocks that no page has.

    Raises:
        KeyError: a page has a block that nothing fills.
    """
    shown: set[str] = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shown |= set(names_in(text))
        page.write_text(filled(text, blocks), encoding="utf-8")
    return [name for name in blocks if name not in shown]
