"""The stored measurements: one small file, packed from what `measure` left in build/regret."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import checked, files, fresh, further_seeds, unseen, wider
from benchmarks.regret.bounds import Cycled
from benchmarks.regret.measure import ABOVE, FOLDER, GRID, RACE_SEEDS, RAISED, RAMPS, VANISHING, VERDICT_TASKS
from benchmarks.regret.race_store import RACE_STEPS, RACES_FILE, race_row
from benchmarks.regret.sizes import sizes
from benchmarks.regret.tasks import Task, tasks
from benchmarks.regret.truth import Measured, mean_losses
from lrsearch.curves import ramp_rates

Floats = NDArray[np.float64]

FILE: Final = Path(__file__).resolve().parent.parent / "data" / "regret_truth.npz.xz"
FRESH_FILE: Final = FILE.with_name("regret_fresh.npz.xz")
"""The fresh tasks, and what was measured later of the others: Adadelta's rates above the grid, races of verdict cases."""
WIDER_FILE: Final = FILE.with_name("regret_wider.npz.xz")
"""The further tasks the rule is designed on."""
UNSEEN_FILE: Final = FILE.with_name("regret_unseen.npz.xz")
"""The tasks for the verdict."""
CHECKED_FILE: Final = FILE.with_name("regret_checked.npz.xz")
"""Range tests that held samples out."""


def pack() -> None:
    """Write the stored file from the finished tasks."""
    finished = _finished(tasks())
    found = _packed_tasks(finished)
    cases = [(name, np.load(FOLDER / f"verdict-{task.family.name}.npz")) for name, task in VERDICT_TASKS.items()]
    found["verdict_names"] = np.array([name for name, _ in cases])
    found["verdict_ramp"] = np.stack([files.rounded(raw["ramp"]) for _, raw in cases])
    found["verdict_losses"] = np.stack([mean_losses(raw["truth"]) for _, raw in cases]).astype(np.float32)
    cycled = [task for task in finished if (FOLDER / f"cycles-{task.name}.npz").exists()]
    found["cycled"] = np.array([task.name for task in cycled])
    found["cycles"] = np.stack([_packed_cycles(task) for task in cycled])
    files.write(FILE, found)


def pack_fresh() -> None:
    """Write the second stored file."""
    found = _packed_tasks(_finished(fresh.tasks())) | _packed_above([*tasks(), *fresh.tasks()])
    found["case_names"] = np.array(list(VERDICT_TASKS))
    races = [np.load(FOLDER / f"verdict-race-{task.family.name}.npz")["losses"] for task in VERDICT_TASKS.values()]
    found["case_races"] = np.stack(races).astype(np.float32)
    files.write(FRESH_FILE, found)


def pack_wider() -> None:
    """Write the stored file of the further tasks."""
    files.write(WIDER_FILE, _packed_tasks(_finished(wider.tasks())) | _packed_above(wider.tasks()))


def pack_unseen() -> None:
    """Write the stored file of the tasks for the verdict."""
    files.write(UNSEEN_FILE, _packed_tasks(_finished(unseen.tasks())) | _packed_above(unseen.tasks()))


def pack_checked() -> None:
    """Write the stored file of the range tests that held samples out."""
    named = {**checked.CASES, **{task.name: task for task in checked.tasks_that_repeat()}}
    found = {name: FOLDER / f"checked-{task.name}.npz" for name, task in named.items()}
    raw = {name: np.load(path) for name, path in found.items() if path.exists()}
    units = [files.unit(one["train"]) for one in raw.values()]
    parts = {
        part: np.stack([files.rounded(one[part] / unit) for one, unit in zip(raw.values(), units, strict=True)])
        for part in ("train", "held_out")
    }
    constant = np.array([float(one["constant_loss"]) for one in raw.values()])
    files.write(CHECKED_FILE, {"names": np.array(list(raw)), "units": np.array(units), "constant": constant, **parts})


@cache
def load_checked() -> Sequence[checked.Checked]:
    """The range tests that held samples out: the cases first."""
    stored = files.read(CHECKED_FILE)
    named = {**checked.CASES, **{task.name: task for task in checked.tasks_that_repeat()}}
    parts = [stored["train"].astype(np.float64), stored["held_out"].astype(np.float64)]
    numbers = [stored["constant"].tolist(), stored["units"].tolist()]
    rows = zip(stored["names"].tolist(), *parts, *numbers, strict=True)
    return [checked.Checked(name, named[name], *row) for name, *row in rows]


def _packed_above(chosen: Sequence[Task]) -> dict[str, Any]:
    """Adadelta's losses at the rates above the grid."""
    above = [task for task in chosen if (FOLDER / f"above-{task.name}.npz").exists()]
    losses = [np.load(FOLDER / f"above-{task.name}.npz")["truth"] for task in above]
    return {"above_names": np.array([task.name for task in above]), "above": np.stack(losses)}


def _finished(chosen: Sequence[Task]) -> list[Task]:
    return [task for task in chosen if (FOLDER / f"{task.name}.npz").exists()]


def _packed_tasks(finished: Sequence[Task]) -> dict[str, Any]:
    found: dict[str, Any] = {"names": np.array([task.name for task in finished])}
    parts = [_packed(task, np.load(FOLDER / f"{task.name}.npz")) for task in finished]
    for key in parts[0]:
        found[key] = np.stack([part[key] for part in parts])
    raised = [task for task in finished if (FOLDER / f"raised-{task.name}.npz").exists()]
    found["raised_names"] = np.array([task.name for task in raised])
    units = [files.unit(np.load(FOLDER / f"{task.name}.npz")["ramp"]) for task in raised]
    losses = [np.load(FOLDER / f"raised-{task.name}.npz")["losses"] for task in raised]
    found["raised"] = np.stack([files.rounded(row / unit) for row, unit in zip(losses, units, strict=True)])
    return found


def _packed(task: Task, raw: Any) -> dict[str, Any]:
    weights, samples = sizes(task.family)
    unit = files.unit(raw["ramp"])
    return {
        "sizes": np.array([weights, samples]),
        "losses": mean_losses(raw["truth"]).astype(np.float32),
        **{name: files.rounded(raw[name] / unit) for name in RAMPS},
    }


def _packed_cycles(task: Task) -> NDArray[np.float16]:
    """Held-out losses of the schedules, mean over the seeds, each at most the mean of the vanishing rate."""
    nothing = float(np.load(FOLDER / f"{task.name}.npz")["truth"][0].mean())
    losses = np.load(FOLDER / f"cycles-{task.name}.npz")["losses"]
    return np.minimum(np.where(np.isfinite(losses), losses, np.inf), nothing).mean(axis=-1).astype(np.float16)


@cache
def load() -> Sequence[Measured]:
    """All stored tasks."""
    return _load(files.read(FILE), tasks())


@cache
def load_fresh() -> Sequence[Measured]:
    """The fresh tasks."""
    return _load(files.read(FRESH_FILE), fresh.tasks())


@cache
def load_wider() -> Sequence[Measured]:
    """The further tasks the rule is designed on."""
    return _load(files.read(WIDER_FILE), wider.tasks())


@cache
def load_unseen() -> Sequence[Measured]:
    """The tasks for the verdict."""
    return _load(files.read(UNSEEN_FILE), unseen.tasks())


@cache
def load_later() -> Sequence[Measured]:
    """All tasks that were measured after the numbers of the rule were fitted."""
    return [*load_fresh(), *load_wider(), *load_unseen()]


def load_case_races() -> dict[str, Floats]:
    """Verdict case -> held-out losses of constant rates: shape (1 + rates, seeds), the untrained model's first."""
    stored = files.read(FRESH_FILE)
    return dict(zip(stored["case_names"].tolist(), stored["case_races"].astype(np.float64), strict=True))


def _load(stored: dict[str, Any], chosen: Sequence[Task]) -> list[Measured]:
    known = {task.name: task for task in chosen}
    return [_measured(known[name], stored, i) for i, name in enumerate(stored["names"].tolist()) if name in known]


@cache
def load_cycles() -> Sequence[Cycled]:
    """The tasks on which schedules were measured."""
    by_name = {measured.task.name: measured for measured in load()}
    stored = files.read(FILE)
    pairs = zip(stored["cycled"].tolist(), stored["cycles"].astype(np.float64), strict=True)
    return [Cycled(by_name[name], losses) for name, losses in pairs]


def load_verdicts() -> Sequence[Measured]:
    """The verdict cases, whose ground truth may hold no finite loss."""
    stored, found = files.read(FILE), list[Measured]()
    for i, name in enumerate(stored["verdict_names"].tolist()):
        start, end, steps, _ = RAMPS["ramp"]
        curves = {"ramp": (ramp_rates(start, end, steps), stored["verdict_ramp"][i].astype(np.float64))}
        losses = stored["verdict_losses"][i].astype(np.float64)
        task, rates = VERDICT_TASKS[name], np.concatenate([[np.log10(VANISHING)], GRID])
        found.append(Measured(task, 0, 0, rates, losses, curves, np.empty(0), np.empty(0, np.int64)))
    return found


def _truth(task: Task, losses: Floats, stored: dict[str, Any]) -> tuple[Floats, Floats]:
    """Rates and losses of the ground truth; Adadelta's goes on above the grid, each loss at most the vanishing rate's."""
    rates = np.concatenate([[np.log10(VANISHING)], GRID])
    later = stored if "above_names" in stored else files.read(FRESH_FILE)
    if task.name in (names := later["above_names"].tolist()):
        above = later["above"][names.index(task.name)]
        above = np.minimum(np.where(np.isfinite(above), above, np.inf), losses[0]).mean(axis=1)
        rates, losses = np.concatenate([rates, ABOVE]), np.concatenate([losses, above])
    return rates, further_seeds.joined(losses, task.name)


def _measured(task: Task, stored: dict[str, Any], i: int) -> Measured:
    curves = {
        name: (ramp_rates(start, end, steps), stored[name][i].astype(np.float64))
        for name, (start, end, steps, _) in RAMPS.items()
    }
    if task.name in (names := stored["raised_names"].tolist()):
        start, end, steps, _ = RAISED
        curves["raised"] = (ramp_rates(start, end, steps), stored["raised"][names.index(task.name)].astype(np.float64))
    log_rates, losses = _truth(task, stored["losses"][i].astype(np.float64), stored)
    race, steps, unit = _race_of(task, len(log_rates) - 1)
    return Measured(
        task=task,
        weights=int(stored["sizes"][i][0]),
        samples=int(stored["sizes"][i][1]),
        log_rates=log_rates,
        losses=losses,
        curves=curves,
        race=race,
        race_steps=steps,
        nothing=min(float(losses[0]), _constant(task)) / unit,
    )


def _race_of(task: Task, rates: int) -> tuple[Floats, NDArray[np.int64], float]:
    """Held-out losses of a task's races, the updates after which they are, and what they were divided by."""
    stored = files.read(RACES_FILE)
    if task.name not in stored["names"].tolist():
        return (
            np.full((1 + len(RACE_STEPS), rates, len(RACE_SEEDS)), np.inf),
            np.zeros(1 + len(RACE_STEPS), np.int64),
            1.0,
        )
    race, steps, unit = race_row(stored, task.name)
    return race[:, :rates].astype(np.float64), steps, unit


def _constant(task: Task) -> float:
    """Loss of the best answer that looks at no sample."""
    later = files.read(RACES_FILE)
    return float(later["constants"][later["constant_names"].tolist().index(task.family.data)])
