"""What was tried beside the default rule: single features, averages, other constants, a rate from any repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.evaluate import DRAWS, REPEATS, advice, curves_of, figures, log_rates, ours, regrets
from benchmarks.regret.fit import PENALTY, STEPS, folds, kind_of, regret_by_shift
from benchmarks.regret.truth import Measured
from lrsearch.curves import Curve, ramp_rates
from lrsearch.suggestions import RULES, advise, suggest
from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, rate
from lrsearch.suggestions.consensus import Consensus

Floats = NDArray[np.float64]
Tasks = Sequence[Measured]
Feature = Callable[[Reading], float]


class OneFeature(SuggestionRule):
    """A rule that answers with one feature of the curve, log10 lr; repeats lost in noise are read by ranks, as by `consensus`."""

    kind = "one_feature"
    reads_ranks = True

    def __init__(self, feature: Feature) -> None:
        self.feature = feature

    def choose(self, reading: Reading) -> Suggestion:
        """The feature."""
        return rate(self.feature(reading), "One feature of the curve.")


FEATURES: Final[Mapping[str, Feature]] = {
    "start of the fall (1/4)": lambda reading: reading.starts(0.25),
    "half of the fall": lambda reading: reading.falls_to(0.5),
    "steepest point": lambda reading: float(
        reading.x[: reading.bottom + 1][np.argmin(reading.slope[: reading.bottom + 1])]
    ),
    "minimum": lambda reading: float(reading.x[reading.bottom]),
    "point of divergence": lambda reading: reading.returns(),
}
"""Features of which one alone, and a shift, might have been enough."""
FEATURE_HEAD: Final = (
    "feature and a shift",
    *("mean", "p90", "worst task"),
    *(f"{name}, a shift an optimizer" for name in ("mean", "p90", "worst task")),
    *(f"fresh {name}" for name in ("mean", "p90", "worst task")),
)


def feature_rows(tasks: Tasks, fresh: Tasks) -> list[list[str]]:
    """Each feature with one shift, and with one for each optimizer kind, fitted on all other data sets; last on fresh tasks."""
    rows: list[list[str]] = []
    for name, feature in FEATURES.items():
        answers = ours(tasks, lambda _, one=feature: OneFeature(one))
        found = [figures(regrets(tasks, shifted(tasks, answers, by_kind=by_kind))) for by_kind in (False, True)]
        moved = ours(fresh, lambda _, one=feature: OneFeature(one)) + _shift(regret_by_shift(tasks, answers))
        found.append(figures(regrets(fresh, moved)))
        rows.append([name, *(f"{value:.3f}" for one in found for value in (one.mean, one.p90, one.worst_task))])
    return rows


def _shift(table: Floats) -> float:
    """The shift with the least sum of regrets."""
    return float(STEPS[int(np.argmin(table.sum(axis=0)))])


def shifted(tasks: Tasks, answers: Floats, *, by_kind: bool) -> Floats:
    """Answers moved by the shift that is best on the tasks of all other data sets; by kind, drawn towards the common one."""
    table, kinds = regret_by_shift(tasks, answers), [kind_of(task) for task in tasks]
    found = np.array(answers)
    for train, out in folds(tasks):
        common = _shift(table[train])
        for i in out:
            own = [j for j in train if kinds[j] == kinds[i]] if by_kind else []
            cost = table[own].sum(axis=0) + PENALTY * (STEPS - common) ** 2 if own else np.abs(STEPS - common)
            found[i] += float(STEPS[int(np.argmin(cost))])
    return found


def averaged(tasks: Tasks) -> Floats:
    """Answers of `consensus` to the mean of the repeats' losses: shape (tasks, draws)."""
    return np.stack([log_rates([advise([_mean(task, draw)], Consensus()) for draw in range(DRAWS)]) for task in tasks])


def _mean(task: Measured, draw: int) -> Curve:
    curves = [curves_of(task)[(draw + i) % DRAWS] for i in range(REPEATS)]
    end = min(len(curve) for curve in curves)
    return Curve(curves[0].lrs[:end], np.mean([curve.losses[:end] for curve in curves], axis=0))


def any_repeat(task: Measured) -> list[Suggestion]:
    """Answers of `consensus`, were a rate given whenever any one repeat has one."""
    found: list[Suggestion] = []
    for draw, answer in enumerate(advice(task, Consensus())):
        apart = [Consensus().read(curves_of(task)[(draw + i) % DRAWS]) for i in range(REPEATS)]
        rates = [one.lr for one in apart if one.lr is not None]
        found.append(
            answer if answer.lr is not None or not rates else rate(float(np.median(np.log10(rates))), "Of any repeat.")
        )
    return found


def answered(answers: Sequence[Sequence[Suggestion]]) -> int:
    """How many draws have a rate."""
    return sum(answer.lr is not None for row in answers for answer in row)


NEIGHBOUR_HEAD: Final = ("share", "start", "mean", "p90", "worst task", "no answer")


def neighbour_rows(tasks: Tasks) -> list[list[str]]:
    """The rule as it ships, and with one of its two numbers a step lower and higher; in sample."""
    shipped = Consensus()
    pairs = [(0.0, 0.0), (-0.05, 0.0), (0.05, 0.0), (0.0, -0.05), (0.0, 0.05)]
    rows: list[list[str]] = []
    for more_share, more_start in pairs:
        rule = Consensus(share=round(shipped.share + more_share, 3), start=round(shipped.start + more_start, 3))
        found = figures(regrets(tasks, ours(tasks, lambda _, rule=rule: rule)))
        figure = [f"{value:.3f}" for value in (found.mean, found.p90, found.worst_task)]
        rows.append([f"{rule.share:g}", f"{rule.start:g}", *figure, f"{found.failures:.1%}"])
    return rows


@dataclass(frozen=True, slots=True)
class Noise:
    """A kind of pure noise and its source."""

    name: str
    draw: Callable[[np.random.Generator, int], Floats]


NOISES: Final = (
    Noise("normal", lambda rng, n: rng.standard_normal(n)),
    Noise("exponential", lambda rng, n: rng.standard_exponential(n)),
    Noise("Student t, 3 degrees", lambda rng, n: rng.standard_t(3, n)),
)
NOISE_TESTS: Final = 400
"""Range tests of pure noise of each kind and number of repeats."""


def noise_rows(tests: int = NOISE_TESTS) -> list[list[str]]:
    """Share of range tests on pure noise that get a rate."""
    return [
        [noise.name, *(f"{_false_alarms(noise, repeats, tests):.1%}" for repeats in (1, REPEATS, DRAWS))]
        for noise in NOISES
    ]


NOISE_HEAD: Final = ("noise", "1 repeat", f"{REPEATS} repeats", f"{DRAWS} repeats")


def _false_alarms(noise: Noise, repeats: int, tests: int) -> float:
    rng, lrs = np.random.default_rng(0), ramp_rates(1e-7, 10.0, 100)
    given = [suggest([Curve(lrs, noise.draw(rng, 100)) for _ in range(repeats)]).lr for _ in range(tests)]
    return sum(lr is not None for lr in given) / tests


LOOKED_AT: Final = 44
"""The form of the rule was chosen by looking at the first tasks: every dense model with two optimizers."""


def later(tasks: Tasks) -> list[int]:
    """Indices of the tasks that were measured after the form of the rule was chosen."""
    from benchmarks.regret.tasks import tasks as listed

    first = {task.name for task in listed()[:LOOKED_AT]}
    return [i for i, task in enumerate(tasks) if task.task.name not in first]


def other_rules(tasks: Tasks) -> dict[str, Floats]:
    """Our own rules but the default: name -> log10 of the answers."""
    return {kind: ours(tasks, lambda _, rule=rule: rule()) for kind, rule in RULES.items() if kind != "consensus"}
