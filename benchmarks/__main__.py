"""`python -m benchmarks [--quick] [NAME ...]`: run the benchmarks named, or all, and write their sections of docs/benchmarks.md.

Several benchmarks run one after the other, each in a process of its own: what one leaves in memory must not change the
figures of the next, and one that fails must not lose those of the others. With `--quick` each does a little of its
work, so that a test can tell whether it still runs; nothing is written.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from importlib import import_module

from benchmarks.report import Section, write

NAMES = ("engine", "scaling", "soak", "gpu", "service", "sweeps", "search", "prior", "callbacks", "mathematics", "bias")
APART = ("peers",)
"""Run only where they are named: they need what `make bench` does not install."""


def section(name: str, *, quick: bool = False) -> Section:
    """Run one benchmark: its module has TITLE and a function `report(quick)` that returns Markdown."""
    module = import_module(f"benchmarks.{name}")
    began = time.perf_counter()
    body: str = module.report(quick=quick)
    return Section(name, module.TITLE, f"python -m benchmarks {name}", body, time.perf_counter() - began)


def main(arguments: list[str]) -> int:
    """Run the benchmarks and write the page; 1 when one failed, 2 for a name that is none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES + APART))
    parser.add_argument("--quick", action="store_true", help="do a little of each, write nothing")
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.names if name not in NAMES + APART]:
        print(f"No benchmark is called {', '.join(unknown)}; choose from {', '.join(NAMES + APART)}.", file=sys.stderr)
        return 2
    if len(asked.names) == 1:
        return _here(asked.names[0], quick=asked.quick)
    failed = [name for name in asked.names or NAMES if _apart(name, quick=asked.quick)]
    if failed:
        print(f"Failed: {', '.join(failed)}; the page keeps their earlier figures.", file=sys.stderr)
    return 1 if failed else 0


def _here(name: str, *, quick: bool) -> int:
    made = section(name, quick=quick)
    if not quick:
        write(made)
    print(f"{made.title} ({made.seconds:.0f} s)\n\n{made.body}\n", flush=True)
    return 0


def _apart(name: str, *, quick: bool) -> int:
    command = [sys.executable, "-m", "benchmarks", name, *(["--quick"] if quick else [])]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
