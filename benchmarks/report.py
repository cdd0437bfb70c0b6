"""docs/benchmarks.md: one section a benchmark, each replaced when its command runs."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.rows import MISSED

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Every figure on this page was printed by the command beside it; `make bench` runs all of them. Ratios are taken within
one run, against a peer on the same machine: absolute times drift, ratios hold. Not measured on GPU.
"""
_SUMMARY = re.compile(r"\n<!-- summary -->.*?<!-- summary: end -->\n", re.DOTALL)
_TOOK = re.compile(r"; took (\d+) s\)")


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page: Markdown `body`, printed by `command` in so many seconds."""

    name: str
    title: str
    command: str
    body: str
    seconds: float


def machine() -> str:
    """The machine and the versions that the figures were taken on."""
    load = os.getloadavg()[0]
    names = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "optuna", "pydantic", "sqlalchemy")
    versions = ", ".join(f"{name} {found}" for name in names if (found := _version(name)))
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, {versions}; "
        f"load average at the end {load:.1f}; {datetime.now(UTC):%Y-%m-%d}"
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ModuleNotFoundError:
        return None


def write(section: Section, page: Path = PAGE) -> None:
    """Put the section into the page, in the place of its earlier version or at the end, and bring the summary up to date."""
    text = page.read_text(encoding="utf-8") if page.exists() else HEAD
    begin, end = f"<!-- {section.name}: begin -->", f"<!-- {section.name}: end -->"
    source = f"`{section.command}` ({machine()}; took {section.seconds:.0f} s)"
    block = f"{begin}\n## {section.title}\n\n{source}\n\n{section.body.strip()}\n{end}"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = pattern.sub(lambda _: block, text) if pattern.search(text) else f"{text.rstrip()}\n\n{block}\n"
    page.write_text(summarised(text), encoding="utf-8")


def summarised(text: str) -> str:
    """The page with its summary: targets met and missed, and how long all sections took."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    met = sum(line.endswith("| met |") for line in lines)
    missed = [line.split(" | ")[0].removeprefix("| ") for line in lines if line.endswith(f"| {MISSED} |")]
    minutes = sum(map(int, _TOOK.findall(text))) / 60
    misses = "".join(f"\n- missed: {what}" for what in missed)
    summary = f"{met} targets are met, {len(missed)} missed; all sections together took {minutes:.0f} minutes.{misses}"
    block = f"\n<!-- summary -->\n{summary}\n<!-- summary: end -->\n"
    if _SUMMARY.search(text):
        return _SUMMARY.sub(lambda _: block, text)
    head, begin, rest = text.partition("\n<!-- ")
    return f"{head.rstrip()}\n{block}{begin}{rest}"
