"""Peak memory of a process that does one range test; `python -m benchmarks.memory SIDE` is that process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.plain import plain_fit
from benchmarks.plans import range_test
from benchmarks.rows import Row, at_most
from lrsearch.training.keras.compiled import CompiledTrainer

PROCESSES = 3


def rows() -> list[Row]:
    """Peak resident memory of a fresh process: ours beside the plain loop's."""
    plain, ours = (np.median([_peak_mebibytes(side) for _ in range(PROCESSES)]) for side in ("fit", "compiled"))
    detail = f"{ours:.0f} MiB against {plain:.0f} MiB, medians of {PROCESSES} processes each"
    return [
        Row(
            "peak memory of a process with one range test, against the plain loop's",
            ours / plain,
            "",
            detail,
            at_most(1.3),
        )
    ]


def _peak_mebibytes(side: str) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", side]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()[-1])


def main(side: str) -> None:
    """Train and print the peak, MiB."""
    plan = range_test()
    plain_fit(plan) if side == "fit" else CompiledTrainer().train([plan])
    # Not getrusage: a process inherits that peak from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


if __name__ == "__main__":
    main(sys.argv[1])
