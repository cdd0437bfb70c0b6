"""The stored races."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import files, race_runs
from benchmarks.regret.measure import steps_per_epoch
from benchmarks.regret.sizes import sizes
from benchmarks.regret.tasks import Task

Floats = NDArray[np.float64]

RACES_FILE: Final = Path(__file__).resolve().parent.parent / "data" / "regret_races.npz.xz"
"""The races, and for every data set the loss of the best answer that looks at no sample."""
KEPT_BITS: Final = 10
"""Bits of a held-out loss that are kept: to 0.05 %, since candidates side by side differ by less than a batch's noise."""
RACE_STEPS: Final = (50, 100, 200)
"""Updates after which the races' held-out losses are kept, beside the last one."""
Race = tuple[NDArray[np.float16], NDArray[np.int64], float]
"""Held-out losses (checkpoints, rates, seeds), the updates after which they are, and what they were divided by."""


def pack() -> None:
    """Write the stored file of the races: what was measured anew, and of the other tasks what the file has."""
    constants = race_runs.constants()
    stored = files.read(RACES_FILE)
    known = {name: race_row(stored, name) for name in stored["names"].tolist()}
    known |= {task.name: _packed_race(task) for task in race_runs.dense() if race_runs.path_of(task).exists()}
    widest = max(race.shape[1] for race, _, _ in known.values())
    found = {
        "names": np.array(list(known)),
        "race": np.stack([_widened(race, widest) for race, _, _ in known.values()]),
        "race_steps": np.stack([steps for _, steps, _ in known.values()]),
        "units": np.array([unit for _, _, unit in known.values()]),
        "constant_names": np.array(list(constants)),
        "constants": np.array(list(constants.values())),
    }
    files.write(RACES_FILE, found)


def race_row(stored: dict[str, Any], name: str) -> Race:
    """The races of a task in the file, at the rates it was measured at and perhaps infinite ones more."""
    place = stored["names"].tolist().index(name)
    return stored["race"][place], stored["race_steps"][place], float(stored["units"][place])


def _packed_race(task: Task) -> Race:
    raw = np.load(race_runs.path_of(task))["race_validation"]
    losses, steps = at_checkpoints(task, sizes(task.family)[1], raw)
    unit = files.unit(losses[0, 0, :, None])
    return files.rounded(losses / unit, KEPT_BITS), steps, unit


def _widened(race: NDArray[np.float16], rates: int) -> NDArray[np.float16]:
    return np.pad(race, ((0, 0), (0, rates - race.shape[1]), (0, 0)), constant_values=np.inf)


def at_checkpoints(task: Task, samples: int, losses: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Held-out losses (checkpoints, rates, seeds) at the last epoch's end before each checkpoint."""
    epoch = steps_per_epoch(task.family, samples, held_out=0.2)
    wanted = [max(1, min(steps, task.family.updates) // epoch) for steps in (*RACE_STEPS, task.family.updates)]
    ends = np.minimum(wanted, losses.shape[2])
    return np.moveaxis(losses[:, :, ends - 1], 2, 0), ends * epoch
