"""`python -m benchmarks [NAME ...]`: run the benchmarks named, or all, and write their sections of docs/benchmarks.md."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

from benchmarks.report import Section, write

NAMES = ("engine", "service", "sweeps", "callbacks", "bias")


def section(name: str) -> Section:
    """Run one benchmark: its module has TITLE and a function `report()` that returns Markdown."""
    module = import_module(f"benchmarks.{name}")
    report: Callable[[], str] = module.report
    return Section(name, module.TITLE, f"python -m benchmarks {name}", report())


def main(names: list[str]) -> int:
    """Run the benchmarks and write the page; 2 for a name that is none."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        print(f"No benchmark is called {', '.join(unknown)}; choose from {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    for name in names or NAMES:
        made = section(name)
        write(made)
        print(f"{made.title}\n\n{made.body}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
