"""Measures the tasks with the compiled, stacking engine; every finished task is kept in build/regret."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from benchmarks.regret import fresh, rows, unseen, wider
from benchmarks.regret.tasks import OPTIMIZERS, Family, Task, tasks
from lrsearch.curves import ramp_rates
from lrsearch.schedules import OneCycle, Triangular
from lrsearch.training.data_order import kept_samples
from lrsearch.training.plan import AnyOptimizer, BuiltinData, BuiltinModel, Plan, Validation
from lrsearch.training.trainer import Run, Trainer

Floats = NDArray[np.float64]

FOLDER: Final = Path("build/regret")
"""Where finished tasks are kept, so that the measurement can be stopped and go on."""
GRID: Final[Floats] = np.round(np.arange(-5.0, 1.01, 0.25), 2)
"""log10 of the constant rates."""
ABOVE: Final[Floats] = np.round(np.arange(1.25, 3.01, 0.25), 2)
"""log10 of the rates above `GRID` that Adadelta, whose useful rates may lie there, is trained at too."""
VANISHING: Final = 1e-9
"""The rate at which nothing is learned."""
TRUTH_SEEDS: Final = (0, 1, 2)
RACE_SEEDS: Final = (50, 51, 52)
RAMPS: Final = {
    "ramp": (1e-7, 10.0, 100, range(100, 108)),
    "long": (1e-7, 10.0, 300, range(200, 203)),
    "lightning": (1e-8, 1.0, 100, range(300, 303)),
}
"""Range tests: name -> first rate, last rate, updates, seeds. The last one is Lightning's default ramp."""


def rates_of(task: Task) -> Floats:
    """log10 of the rates a task is measured at, the vanishing one left out."""
    return np.concatenate([GRID, ABOVE]) if task.optimizer == "adadelta" else GRID


def plans_of(task: Task) -> list[Plan]:
    """The plans of the ground truth, then those of the ramps."""
    updates = task.family.updates
    rates = [VANISHING, *10.0**GRID]
    truth = [plan(task, np.full(updates, rate), seed, test=True) for rate in rates for seed in TRUTH_SEEDS]
    ramps = [
        plan(task, ramp_rates(start, end, steps), seed) for start, end, steps, seeds in RAMPS.values() for seed in seeds
    ]
    return truth + ramps


def plan(task: Task, rates: Floats, seed: int, *, validation: Validation | None = None, test: bool = False) -> Plan:
    """One training of a task; XLA for dense models, whatever the length: a task has hundreds of runs."""
    family = task.family
    optimizer: Any = TypeAdapter(AnyOptimizer).validate_python(OPTIMIZERS[task.optimizer])
    return Plan(
        model=BuiltinModel(name=family.model, params=family.params),
        data=BuiltinData(name=family.data),
        optimizer=optimizer,
        batch_size=family.batch_size,
        rates=rates,
        seed=seed,
        validation=validation,
        test=test,
        engine="compiled",
        xla=None if family.is_slow else True,
    )


def measure(task: Task, trainer: Trainer) -> dict[str, Any]:
    """Ground truth and ramps of a task, as arrays."""
    runs = trainer.train(plans_of(task))
    count = (1 + len(GRID)) * len(TRUTH_SEEDS)
    truth = np.array([run.final.get("test_loss", np.inf) for run in runs[:count]])
    found: dict[str, Any] = {"truth": truth.reshape(-1, len(TRUTH_SEEDS))}
    rest = iter(runs[count:])
    for name, (_, _, steps, seeds) in RAMPS.items():
        found[name] = np.stack([padded(next(rest).curve.losses, steps) for _ in seeds])
    return found


def measure_slow(task: Task, trainer: Trainer) -> dict[str, Any]:
    """The same arrays for convolutions: two seeds on every second rate, interpolated between.

    The third seed's column is the mean of the two.
    """
    updates, seeds = task.family.updates, TRUTH_SEEDS[:2]
    coarse = np.concatenate([[np.log10(VANISHING)], GRID[::2]])
    truth = [plan(task, np.full(updates, 10.0**rate), seed, test=True) for rate in coarse for seed in seeds]
    ramps = [
        plan(task, ramp_rates(start, end, steps), seed) for start, end, steps, all_ in RAMPS.values() for seed in all_
    ]
    runs = trainer.train(truth + ramps)
    losses = np.array([run.final.get("test_loss", np.inf) for run in runs[: len(truth)]]).reshape(-1, len(seeds))
    losses = np.minimum(np.where(np.isfinite(losses), losses, np.inf), losses[0])
    every = np.concatenate([[np.log10(VANISHING)], GRID])
    columns = [np.interp(every, coarse, column) for column in losses.T]
    found: dict[str, Any] = {"truth": np.stack([*columns, np.mean(columns, axis=0)], axis=1)}
    rest = iter(runs[len(truth) :])
    for name, (_, _, steps, all_) in RAMPS.items():
        found[name] = np.stack([padded(next(rest).curve.losses, steps) for _ in all_])
    return found


def _validated(run: Run) -> Floats:
    return run.history.get("val_loss", np.empty(0))


def padded(values: Floats, length: int) -> Floats:
    """The values, infinite where a run had ended."""
    return np.concatenate([values, np.full(length - len(values), np.inf)])


def measure_missing(
    listed: Iterable[Task], path_of: Callable[[Task], Path], measured: Callable[[Task, Trainer], dict[str, Any]]
) -> None:
    """Measure the tasks whose file is not there yet, and write it."""
    rows.register()
    from lrsearch.training.keras import default_trainer

    FOLDER.mkdir(parents=True, exist_ok=True)
    for task in listed:
        path = path_of(task)
        if path.exists():
            continue
        began = time.perf_counter()
        # A trainer of its own: compiled programs of finished tasks would only take memory.
        np.savez_compressed(path, **measured(task, default_trainer()))
        print(f"{path.name}: {time.perf_counter() - began:.1f} s", flush=True)


def measure_all(chosen: Iterable[Task]) -> None:
    """Measure ground truth and ramps of what is not measured yet."""
    measure_missing(
        chosen,
        lambda task: FOLDER / f"{task.name}.npz",
        lambda task, trainer: (measure_slow if task.family.is_slow else measure)(task, trainer),
    )


def named(listed: Iterable[Task], patterns: Sequence[str]) -> list[Task]:
    """Tasks whose name has one of the texts in it; all without any."""
    return [task for task in listed if not patterns or any(text in task.name for text in patterns)]


def steps_per_epoch(family: Family, samples: int, held_out: float = 0.0) -> int:
    """Updates in an epoch."""
    return -(-kept_samples(samples, held_out) // family.batch_size)


CYCLE_WIDTHS: Final = (0.5, 1.0, 2.0)
"""Decades between the bounds of the measured schedules."""
CYCLE_SEEDS: Final = (70, 71)
CYCLED: Final = (
    "blobs-sgd",
    "digits-rmsprop",
    "wine-lion",
    "cancer-adamw",
    "iris-adam",
    "fashion-adamax",
    "digits_bn-sgd_momentum",
    "cancer_deep-sgd",
    "iris_deep-lion",
    "digits_dropout-adam",
    "wine_bn-adamax",
    "blobs-sgd_momentum",
    "iris-adagrad",
    "fashion-adadelta",
    "cancer_bn_dropout-sgd_momentum",
    "digits_deep-lion",
)
"""Tasks on which bounds are judged."""


def schedules(low: float, high: float, updates: int) -> tuple[Floats, Floats]:
    """Rates of `triangular` (two cycles) and of `one_cycle` between two bounds."""
    steps = np.arange(updates)
    triangle = Triangular(base_lr=low, max_lr=high, half_cycle_steps=max(1, updates // 4))
    cycle = OneCycle(max_lr=high, total_steps=updates, div_factor=high / low)
    return triangle(steps), cycle(steps)


def measure_cycles(task: Task, trainer: Trainer) -> Floats:
    """Held-out losses: shape (2 schedules, widths, upper bounds, seeds); the upper bounds are those of `GRID`."""
    plans = [
        plan(task, schedules(10.0 ** (high - width), 10.0**high, task.family.updates)[kind], seed, test=True)
        for kind in range(2)
        for width in CYCLE_WIDTHS
        for high in GRID
        for seed in CYCLE_SEEDS
    ]
    losses = np.array([run.final.get("test_loss", np.inf) for run in trainer.train(plans)])
    return losses.reshape(2, len(CYCLE_WIDTHS), len(GRID), len(CYCLE_SEEDS))


def measure_all_cycles() -> None:
    """Measure the schedules that are not measured yet."""
    rows.register()
    from lrsearch.training.keras import default_trainer

    for task in tasks():
        path = FOLDER / f"cycles-{task.name}.npz"
        if task.name in CYCLED and not path.exists():
            np.savez_compressed(path, losses=measure_cycles(task, default_trainer()))
            print(path.name, flush=True)


RAISED: Final = (1e-5, 1e3, 100, range(400, 408))
"""The range test a user runs next when the verdict was `monotone`: first rate, last rate, updates, seeds."""


def measure_all_raised() -> None:
    """Measure the raised ramps of Adadelta's tasks, whose useful rates often lie above 10."""
    _measure_raised(tasks())


def _measure_raised(chosen: Sequence[Task]) -> None:
    rows.register()
    from lrsearch.training.keras import default_trainer

    start, end, steps, seeds = RAISED
    for task in chosen:
        path = FOLDER / f"raised-{task.name}.npz"
        if task.optimizer == "adadelta" and not path.exists():
            plans = [plan(task, ramp_rates(start, end, steps), seed) for seed in seeds]
            curves = [padded(run.curve.losses, steps) for run in default_trainer().train(plans)]
            np.savez_compressed(path, losses=np.stack(curves))
            print(path.name, flush=True)


def measure_all_fresh() -> None:
    """Measure the fresh tasks, Adadelta's rates above the grid, and the races of the verdict cases."""
    measure_all(fresh.tasks())
    _measure_raised(fresh.tasks())
    _measure_above([*tasks(), *fresh.tasks()])
    _measure_verdict_races()


def measure_all_wider() -> None:
    """Measure the further tasks of the design."""
    _measure_with_adadelta(wider.tasks())


def measure_all_unseen() -> None:
    """Measure the tasks for the verdict."""
    _measure_with_adadelta(unseen.tasks())


def _measure_with_adadelta(chosen: Sequence[Task]) -> None:
    measure_all(chosen)
    _measure_raised(chosen)
    _measure_above(chosen)


def _measure_above(chosen: Sequence[Task]) -> None:
    from lrsearch.training.keras import default_trainer

    for task in chosen:
        path = FOLDER / f"above-{task.name}.npz"
        if task.optimizer == "adadelta" and not path.exists():
            plans = [
                plan(task, np.full(task.family.updates, 10.0**rate), seed, test=True)
                for rate in ABOVE
                for seed in TRUTH_SEEDS
            ]
            losses = np.array([run.final.get("test_loss", np.inf) for run in default_trainer().train(plans)])
            np.savez_compressed(path, truth=losses.reshape(-1, len(TRUTH_SEEDS)))
            print(path.name, flush=True)


def _measure_verdict_races() -> None:
    from lrsearch.training.keras import default_trainer

    for task in VERDICT_TASKS.values():
        path = FOLDER / f"verdict-race-{task.family.name}.npz"
        if path.exists():
            continue
        held_out, updates = Validation(0.2), task.family.updates
        rates = [VANISHING, *10.0**GRID]
        plans = [plan(task, np.full(updates, rate), seed, validation=held_out) for rate in rates for seed in RACE_SEEDS]
        ends = [_last_validated(run) for run in default_trainer().train(plans)]
        np.savez_compressed(path, losses=np.array(ends).reshape(-1, len(RACE_SEEDS)))
        print(path.name, flush=True)


def _last_validated(run: Run) -> float:
    found = _validated(run)
    return float(found[-1]) if run.stopped_at is None and len(found) else np.inf


VERDICT_TASKS: Final = {
    "dead model": Task(Family("dead", "none", "dead_mlp", "wine", 16, 200), "adam"),
    "label noise, samples seen once": Task(Family("noise_once", "none", "uniform_mlp", "digits_noise", 8, 140), "adam"),
    "label noise, samples seen 11 times": Task(Family("noise", "none", "uniform_mlp", "wine_noise", 16, 200), "adam"),
    "label noise, seen 11 times, confident start": Task(
        Family("noise_confident", "none", "tabular_mlp", "wine_noise", 16, 200, {"units": [32]}), "adam"
    ),
    "exploding initialisation": Task(Family("exploding", "none", "exploding_mlp", "diabetes", 32, 200), "sgd"),
    "tiny data, 12 samples": Task(Family("tiny", "none", "tabular_mlp", "iris_tiny", 4, 200, {"units": [16]}), "adam"),
}
"""Cases for the verdicts, some of which have no right rate."""


def measure_all_verdicts() -> None:
    """Measure the ramps of the verdict cases, and the ground truth of those that can be trained."""
    rows.register()
    from lrsearch.training.keras import default_trainer

    for task in VERDICT_TASKS.values():
        path = FOLDER / f"verdict-{task.family.name}.npz"
        if path.exists():
            continue
        start, end, steps, seeds = RAMPS["ramp"]
        plans = [plan(task, ramp_rates(start, end, steps), seed) for seed in seeds]
        rates = [VANISHING, *10.0**GRID]
        truth = [
            plan(task, np.full(task.family.updates, rate), seed, test=True) for rate in rates for seed in TRUTH_SEEDS
        ]
        runs = default_trainer().train(plans + truth)
        losses = np.array([run.final.get("test_loss", np.inf) for run in runs[len(plans) :]])
        curves = np.stack([padded(run.curve.losses, steps) for run in runs[: len(plans)]])
        np.savez_compressed(path, ramp=curves, truth=losses.reshape(-1, len(TRUTH_SEEDS)))
        print(path.name, flush=True)
