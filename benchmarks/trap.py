"""XLA's convolutions inside a loop on a CPU: why the engine leaves XLA off there; `python -m benchmarks.trap` is the process."""

from __future__ import annotations

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from benchmarks.clocks import seconds
from benchmarks.plans import image_run
from benchmarks.rows import Row
from lrsearch.training.keras.compiled import CompiledTrainer
from lrsearch.training.keras.environment import device_name

STEPS, BATCH = 3, 50
"""Small: the trap costs some seconds a step."""
LIMIT_SECONDS = 120


def rows() -> list[Row]:
    """How many times longer a step takes with XLA; nothing on a GPU, which has no such trap."""
    if device_name() != "cpu":
        return []
    what = f"`mnist_cnn`, {STEPS} steps of batch {BATCH}: XLA forced on / off (the rule leaves it off)"
    command = [sys.executable, "-m", "benchmarks.trap"]
    try:
        ended = subprocess.run(command, capture_output=True, check=True, text=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return [Row(what, float("nan"), "", f"not done after {LIMIT_SECONDS} s")]
    without, fused = map(float, ended.stdout.split()[-2:])
    return [Row(what, fused / without, "", f"{fused:.2f} s against {without:.2f} s, both warm, measured once")]


def main() -> None:
    """Print the seconds of both, warm."""
    trainer = CompiledTrainer()
    for xla in (False, True):
        plan = image_run(STEPS, BATCH, xla=xla)
        trainer.train([plan])
        print(seconds(lambda plan=plan: trainer.train([plan])))


if __name__ == "__main__":
    main()
