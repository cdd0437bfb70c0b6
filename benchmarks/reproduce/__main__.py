"""Run the studies and write docs/reproductions.md."""

from __future__ import annotations

import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.reproduce import images, lecture
from benchmarks.reproduce.page import page
from benchmarks.reproduce.runs import Runner
from lrsearch.training.keras import default_trainer

TARGET = Path(__file__).resolve().parents[2] / "docs" / "reproductions.md"


def main() -> None:
    """Everything that this machine can run; some minutes."""
    began = time.perf_counter()
    runner = Runner(default_trainer())
    sections = images.sections(runner) + lecture.sections(runner)
    spent = time.perf_counter() - began
    TARGET.write_text(page(sections, f"All of it took {spent / 60:.0f} minutes."))
    print(f"{TARGET.name}: {len(sections)} studies, {spent:.0f} s")


main()
