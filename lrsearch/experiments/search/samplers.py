"""Samplers: how the next setting of a search is chosen. Each is a spec; Optuna is loaded when one is built.

Random, QMC and grid draw setting number k from k and the seed alone, so that their settings are the same on one worker
and on many, and after a killed worker.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias, get_args

import numpy as np
from pydantic import Field

from lrsearch.errors import Problem
from lrsearch.experiments.search.ranges import Choices, FloatRange
from lrsearch.experiments.search.space import Dimension, Space
from lrsearch.spec import PositiveInt, Spec

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

MOST_POINTS: Final = 10_000
"""Most points of a grid."""
_ABSENT: Final = 0


class SamplerSpec(Spec):
    """Base of all samplers."""

    learns: ClassVar[bool] = True
    """Whether what it draws depends on what was found: then a prior may go on after its first points."""

    @property
    def keeps_attributes(self) -> bool:
        """Whether other workers need what it notes beside a trial's parameters."""
        return False

    def problems(self, space: Space, objectives: int) -> list[Problem]:
        """Why it does not fit the space or the number of objectives."""
        return []

    def values(self, space: Space, number: int, seed: int) -> dict[str, Any]:
        """Name -> value of setting `number`, for samplers that are not adaptive; a name may be one that does not count."""
        return {}

    def led(self, points: int) -> Self:
        """The same, after so many first settings that a prior has chosen: none need be drawn at random any more."""
        startup = getattr(self, "startup_trials", None)
        return (
            self if startup is None or not points else self.model_copy(update={"startup_trials": min(startup, points)})
        )

    def build(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's sampler; one that only fills in what `values` leaves out, where this one is not adaptive."""
        from optuna.samplers import RandomSampler

        return RandomSampler(seed=seed)


class Tpe(SamplerSpec):
    """Model good and bad settings as two densities and try where their ratio is best; settings under way count as bad.

    Trials under way are taken for bad ones (constant liar), so that a batch, and several workers, spread out.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Bergstra et al. 2011, Algorithms for Hyper-Parameter Optimization.",
        "Watanabe 2023, Tree-Structured Parzen Estimator, arXiv:2304.11127.",
    )

    kind: Literal["tpe"] = "tpe"
    startup_trials: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 10
    """Settings drawn at random before the first model."""
    candidates: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 24
    """Points among which the best ratio is taken."""

    def build(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's `TPESampler`; parameters of different branches are modelled in groups of their own."""
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=self.startup_trials,
            n_ei_candidates=self.candidates,
            seed=seed,
            multivariate=True,
            group=space.is_conditional,
            constant_liar=True,
        )


class Random(SamplerSpec):
    """Draw every setting independently."""

    cites: ClassVar[tuple[str, ...]] = (
        "Bergstra and Bengio 2012, Random Search for Hyper-Parameter Optimization, JMLR 13.",
    )

    learns: ClassVar[bool] = False
    kind: Literal["random"] = "random"

    def values(self, space: Space, number: int, seed: int) -> dict[str, Any]:
        """Uniform, or uniform in the logarithm, from a generator seeded with the seed and the number."""
        shares = np.random.default_rng([seed, number]).random(len(list(space.everything())))
        return _at(space, shares.tolist())


class Grid(SamplerSpec):
    """Try every combination of the values once, in an order drawn by the seed when the budget is smaller."""

    cites: ClassVar[tuple[str, ...]] = ("Bergstra and Bengio 2012, section 2, JMLR 13.",)

    learns: ClassVar[bool] = False
    kind: Literal["grid"] = "grid"

    def problems(self, space: Space, objectives: int) -> list[Problem]:
        """Ranges without countable values, and too many combinations."""
        found = [
            _no_step(one) for one in space.everything() if isinstance(one.range, FloatRange) and not one.range.step
        ]
        if not found and (points := space.points(_ABSENT)) > MOST_POINTS:
            message = f"The grid has {points} points; the most is {MOST_POINTS}."
            found.append(
                Problem("/space", "too_many_points", points, message, "Give fewer values, or another sampler.")
            )
        return found

    def values(self, space: Space, number: int, seed: int) -> dict[str, Any]:
        """The grid point of this number in the shuffled order."""
        points = space.points(_ABSENT)
        order = np.random.default_rng([seed, 0x617269]).permutation(points)
        return space.combination(int(order[number % points]), _ABSENT)


class Qmc(SamplerSpec):
    """Spread the settings evenly with a scrambled Sobol sequence."""

    cites: ClassVar[tuple[str, ...]] = (
        "Bergstra and Bengio 2012, section 4, JMLR 13.",
        "Owen 1997, Scrambled Net Variance for Integrals of Smooth Functions.",
    )

    learns: ClassVar[bool] = False
    kind: Literal["qmc"] = "qmc"

    def values(self, space: Space, number: int, seed: int) -> dict[str, Any]:
        """Point `number` of the sequence, one coordinate a dimension, whether it counts or not."""
        from scipy.stats import qmc

        sequence = qmc.Sobol(len(list(space.everything())), scramble=True, rng=np.random.default_rng(seed))
        if number:
            sequence.fast_forward(number)
        return _at(space, sequence.random(1)[0].tolist())


class CmaEs(SamplerSpec):
    """Move and shape a normal distribution towards the good settings; for numbers only, all of them always there."""

    cites: ClassVar[tuple[str, ...]] = ("Hansen and Ostermeier 2001, Completely Derandomized Self-Adaptation.",)

    kind: Literal["cma_es"] = "cma_es"
    startup_trials: PositiveInt = 1
    """Settings drawn at random before the first generation."""

    @property
    def keeps_attributes(self) -> bool:
        """The state of the distribution is kept with the trials."""
        return True

    def problems(self, space: Space, objectives: int) -> list[Problem]:
        """Choices among the dimensions, or two objectives."""
        found = [
            Problem(
                one.pointer,
                "no_choices_with_cma_es",
                list(one.range.choices),
                f"cma_es searches numbers only, and {one.name} has choices.",
                'Use {"kind": "tpe"}, or fix the field.',
            )
            for one in space.everything()
            if isinstance(one.range, Choices)
        ]
        return found + _one_objective(self.kind, objectives)

    def build(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's `CmaEsSampler`."""
        from optuna.samplers import CmaEsSampler

        return CmaEsSampler(n_startup_trials=self.startup_trials, seed=seed, warn_independent_sampling=False)


class Nsga2(SamplerSpec):
    """Breed settings that no other one beats in both of two objectives."""

    cites: ClassVar[tuple[str, ...]] = (
        "Deb et al. 2002, A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II.",
    )

    kind: Literal["nsga2"] = "nsga2"
    population: Annotated[int, Field(ge=2, le=1_000, strict=True)] = 20
    """Settings of a generation."""

    @property
    def keeps_attributes(self) -> bool:
        """The generation is kept with the trials."""
        return True

    def problems(self, space: Space, objectives: int) -> list[Problem]:
        """One objective."""
        if objectives == 2:
            return []
        message = "nsga2 weighs two objectives against each other, and there is one."
        return [Problem("/sampler/kind", "two_objectives", self.kind, message, "Give a second objective, or use tpe.")]

    def build(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's `NSGAIISampler`."""
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(population_size=self.population, seed=seed)


class Gp(SamplerSpec):
    """Model the objective as a Gaussian process; needs PyTorch, which is not among the dependencies."""

    cites: ClassVar[tuple[str, ...]] = ("Snoek et al. 2012, Practical Bayesian Optimization, arXiv:1206.2944.",)

    kind: Literal["gp"] = "gp"
    startup_trials: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 10
    """Settings drawn at random before the first model."""

    def problems(self, space: Space, objectives: int) -> list[Problem]:
        """PyTorch is not installed."""
        if has_torch():
            return []
        message = "gp needs PyTorch, which is not installed where this document was checked."
        action = "Install it for the API and the workers with `pip install torch`, or use tpe."
        return [Problem("/sampler/kind", "package_absent", self.kind, message, action)]

    def build(self, seed: int, space: Space) -> BaseSampler:
        """Optuna's `GPSampler`."""
        from optuna.samplers import GPSampler

        return GPSampler(n_startup_trials=self.startup_trials, seed=seed)


AnySampler: TypeAlias = Annotated[Tpe | Random | Grid | Qmc | CmaEs | Nsga2 | Gp, Field(discriminator="kind")]
"""Every sampler, told apart by `kind`."""
SAMPLERS: Final[tuple[type[SamplerSpec], ...]] = get_args(get_args(AnySampler)[0])
"""The registry, in the order of the union."""


@cache
def has_torch() -> bool:
    """Whether PyTorch could be imported."""
    return importlib.util.find_spec("torch") is not None


def _at(space: Space, shares: list[float]) -> dict[str, Any]:
    """Name -> value at a share of each dimension's range."""
    return {
        dimension.name: _value_at(dimension, share) for dimension, share in zip(space.everything(), shares, strict=True)
    }


def _value_at(dimension: Dimension, share: float) -> Any:
    if isinstance(dimension.range, Choices):
        return dimension.options[min(int(share * len(dimension.options)), len(dimension.options) - 1)].label
    return dimension.range.at(share)


def _no_step(dimension: Dimension) -> Problem:
    message = f"{dimension.name} is any number between two ends; a grid needs values that can be counted."
    action = 'Give a step (without log), or {"choices": [...]}.'
    return Problem(f"{dimension.pointer}/step", "countable", None, message, action)


def _one_objective(kind: str, objectives: int) -> list[Problem]:
    if objectives == 1:
        return []
    message = f"{kind} has one objective, and there are {objectives}."
    return [Problem("/sampler/kind", "one_objective", kind, message, "Use tpe or nsga2, or give one objective.")]
