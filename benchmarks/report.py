"""docs/benchmarks.md: one section a benchmark, each replaced when its command runs."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Every figure on this page was printed by the command beside it; `make bench` runs all of them. Ratios are taken within
one run, against a peer on the same machine: absolute times drift, ratios hold. Not measured on GPU.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page: Markdown `body`, printed by `command`."""

    name: str
    title: str
    command: str
    body: str


def machine() -> str:
    """The machine and the versions that the figures were taken on."""
    load = os.getloadavg()[0]
    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "numpy", "pydantic", "sqlalchemy"))
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {versions}; "
        f"load average at the end {load:.1f}; {datetime.now(UTC):%Y-%m-%d}"
    )


def write(section: Section, page: Path = PAGE) -> None:
    """Put the section into the page, in the place of its earlier version or at the end."""
    text = page.read_text(encoding="utf-8") if page.exists() else HEAD
    begin, end = f"<!-- {section.name}: begin -->", f"<!-- {section.name}: end -->"
    block = f"{begin}\n## {section.title}\n\n`{section.command}` ({machine()})\n\n{section.body.strip()}\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = pattern.sub(lambda _: block, text) if pattern.search(text) else f"{text.rstrip()}\n\n{block}\n"
    page.write_text(text, encoding="utf-8")
