"""Range tests that hold samples out: the tasks of which the ramps see samples more than once, and cases that must have no rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import fresh, rows, wider
from benchmarks.regret.evaluate import DRAWS, REPEATS, stopped
from benchmarks.regret.measure import FOLDER, RAISED, RAMPS, VERDICT_TASKS, padded, plan
from benchmarks.regret.tasks import Family, Task, tasks
from benchmarks.regret.truth import Measured
from lrsearch.curves import Curve, ramp_rates
from lrsearch.experiments.held_out_check import POINTS, SEEN, HeldOutCheck, judge
from lrsearch.suggestions import suggest
from lrsearch.suggestions.base import Suggestion
from lrsearch.training import catalog
from lrsearch.training.data_order import kept_samples
from lrsearch.training.plan import Validation

Floats = NDArray[np.float64]

SHARE: Final = 0.2
"""Share of the training samples that is held out, the default of the job."""
EVERY: Final = -(-RAMPS["ramp"][2] // POINTS)
"""Updates from one look at them to the next."""
STEPS: Final = RAMPS["ramp"][2]
"""Updates of a ramp."""


def _case(name: str, data: str, batch_size: int, optimizer: str, **params: Any) -> Task:
    return Task(Family(name, "none", "tabular_mlp", data, batch_size, 200, {"units": [32], **params}), optimizer)


CASES: Final = {
    **VERDICT_TASKS,
    "label noise: digits, SGD": _case("digits_noise_sgd", "digits_noise", 32, "sgd_momentum"),
    "label noise: digits, Adam": _case("digits_noise_adam", "digits_noise", 32, "adam", units=[128, 128]),
    "label noise: cancer, Adam": _case("cancer_noise_adam", "cancer_noise", 32, "adam"),
    "label noise: cancer, RMSprop": _case("cancer_noise_rmsprop", "cancer_noise", 16, "rmsprop", batch_norm=True),
    "label noise: wine, SGD": _case("wine_noise_sgd", "wine_noise", 16, "sgd"),
    "label noise: wine, AdamW": _case("wine_noise_adamw", "wine_noise", 16, "adamw", units=[64, 64]),
    "noise for targets: diabetes, Adam": _case("diabetes_noise_adam", "diabetes_noise", 32, "adam"),
    "noise for targets: diabetes, SGD": _case("diabetes_noise_sgd", "diabetes_noise", 32, "sgd"),
    "tiny data, 30 samples": _case("wine_tiny_adam", "wine_tiny", 5, "adam"),
}
"""Cases without a right rate, or with too few samples to know it."""


def tasks_that_repeat() -> list[Task]:
    """Tasks of the design whose ramps see samples more than once; convolutions left out."""
    rows.register()
    chosen = [*tasks(), *fresh.tasks(), *wider.tasks()]
    return [task for task in chosen if not task.family.is_slow and repeats(task)]


def repeats(task: Task) -> bool:
    """Whether a ramp of the task sees samples more than once."""
    return STEPS * task.family.batch_size > catalog.datasets()[task.family.data].train_size


def measure_all() -> None:
    """Measure what is not measured yet."""
    rows.register()
    from lrsearch.training.keras import default_trainer

    FOLDER.mkdir(parents=True, exist_ok=True)
    for task in (*CASES.values(), *tasks_that_repeat()):
        path = FOLDER / f"checked-{task.name}.npz"
        if not path.exists():
            lrs, seeds = ramp_of(task), RAMPS["ramp"][3]
            plans = [plan(task, lrs, seed, validation=Validation(SHARE, EVERY)) for seed in seeds]
            runs = default_trainer().train(plans)
            train = [padded(run.curve.losses, len(lrs)) for run in runs]
            held_out = [padded(run.validations.get("val_loss", np.empty(0)), len(lrs) // EVERY) for run in runs]
            constant = runs[0].engine_facts["constant_loss"]
            np.savez_compressed(path, train=np.stack(train), held_out=np.stack(held_out), constant_loss=constant)
            print(path.name, flush=True)


def ramp_of(task: Task) -> Floats:
    """The rates of the optimizer's own ramp."""
    start, end, steps, _ = RAISED if task.optimizer == "adadelta" else RAMPS["ramp"]
    return ramp_rates(start, end, steps)


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Range tests of a task that held a fifth of its samples out.

    Attributes:
        name: of the case, or of the task.
        train: shape (seeds, steps), batch losses, infinite after the end.
        held_out: shape (seeds, steps / `EVERY`), losses of the samples held out.
        constant_loss: of the best answer that looks at no sample.
        unit: what the other losses were divided by.
    """

    name: str
    task: Task
    train: Floats
    held_out: Floats
    constant_loss: float
    unit: float

    def answers(self) -> list[tuple[Suggestion, Suggestion]]:
        """What `suggest` says of each draw of three repeats, and what the job says after the check."""
        curves = [stopped(ramp_of(self.task), losses) for losses in self.train]
        return [self._answer(curves, [(draw + i) % DRAWS for i in range(REPEATS)]) for draw in range(DRAWS)]

    def _answer(self, curves: Sequence[Curve], chosen: Sequence[int]) -> tuple[Suggestion, Suggestion]:
        answer = suggest([curves[i] for i in chosen])
        return answer, self._check([self.held_out[i][: len(curves[i]) // EVERY] for i in chosen]).apply(answer)

    def _check(self, losses: Sequence[Floats]) -> HeldOutCheck:
        rows.register()
        row = catalog.datasets()[self.task.family.data]
        samples = row.train_size - kept_samples(row.train_size, SHARE)
        return judge(losses, samples, self.constant_loss / self.unit)


HEAD: Final = ("case", "ramps see samples", "`suggest(curves)`, 8 draws", "the job, 8 draws")


def case_rows(cases: Sequence[Checked]) -> list[list[str]]:
    """The verdicts of the cases, before and after the check, where the job makes one."""
    return [_case_row(case) for case in cases if case.name in CASES]


def _case_row(case: Checked) -> list[str]:
    rows.register()
    size = catalog.datasets()[case.task.family.data].train_size
    seen = STEPS * case.task.family.batch_size / size
    found = case.answers()
    after = [checked if seen >= SEEN else plain for plain, checked in found]
    return [case.name, f"{seen:.1f} times", _counted([plain for plain, _ in found]), _counted(after)]


def _counted(answers: Sequence[Suggestion]) -> str:
    counts = Counter(answer.verdict.value for answer in answers)
    return ", ".join(f"{verdict} {count}" for verdict, count in counts.most_common())


def kept(found: Sequence[Checked], tasks: Sequence[Measured]) -> tuple[list[float], list[float]]:
    """Of tasks with something to learn: regrets of the rates that stay after the check, and of those that are refused."""
    measured = {task.task.name: task for task in tasks}
    stays, lost = list[float](), list[float]()
    for one in found:
        if one.name in measured:
            for plain, checked in one.answers():
                if plain.lr is not None:
                    regret = measured[one.name].regret(float(np.log10(plain.lr)))
                    (lost if checked.lr is None else stays).append(regret)
    return stays, lost
