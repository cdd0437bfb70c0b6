"""Pruners: which runs of a search are ended early, by what they measured at epochs' ends. Each is a spec."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, TypeAlias, get_args

from pydantic import Field

from lrsearch.spec import PositiveInt, Spec

if TYPE_CHECKING:
    from optuna.pruners import BasePruner


class PrunerSpec(Spec):
    """Base of all pruners; steps are epochs, counted from 1."""

    @property
    def keeps_rungs(self) -> bool:
        """Whether it notes beside a trial which rungs it reached."""
        return False

    @abstractmethod
    def build(self, *, is_minimized: bool, epochs: int) -> BasePruner:
        """Optuna's pruner for runs of so many epochs."""


class NoPruning(PrunerSpec):
    """Let every run come to its end."""

    cites: ClassVar[tuple[str, ...]] = ("lrsearch: the control of all pruners",)

    kind: Literal["none"] = "none"

    def build(self, *, is_minimized: bool, epochs: int) -> BasePruner:
        """Optuna's `NopPruner`."""
        from optuna.pruners import NopPruner

        return NopPruner()


class Median(PrunerSpec):
    """End a run whose best value so far is worse than the median of the others at the same epoch."""

    cites: ClassVar[tuple[str, ...]] = ("Golovin et al. 2017, Google Vizier, section 3.5.2.",)

    kind: Literal["median"] = "median"
    startup_trials: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 5
    """Settings that must have come to their end before."""
    warmup_epochs: Annotated[int, Field(ge=0, le=10_000_000, strict=True)] = 0
    """Epochs of each run before it may be ended."""

    def build(self, *, is_minimized: bool, epochs: int) -> BasePruner:
        """Optuna's `MedianPruner`."""
        from optuna.pruners import MedianPruner

        return MedianPruner(self.startup_trials, n_warmup_steps=self.warmup_epochs)


class SuccessiveHalving(PrunerSpec):
    """At epochs r, r f, r f^2, ... keep the best 1/f of the runs that came so far; asynchronous (ASHA)."""

    cites: ClassVar[tuple[str, ...]] = (
        "Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, arXiv:1810.05934.",
    )

    kind: Literal["successive_halving"] = "successive_halving"
    min_epochs: PositiveInt = 1
    """r: epochs before the first decision."""
    reduction_factor: Annotated[int, Field(ge=2, le=100, strict=True)] = 4
    """f: of so many runs one is kept."""

    @property
    def keeps_rungs(self) -> bool:
        """It does."""
        return True

    def build(self, *, is_minimized: bool, epochs: int) -> BasePruner:
        """Optuna's `SuccessiveHalvingPruner`."""
        from optuna.pruners import SuccessiveHalvingPruner

        return SuccessiveHalvingPruner(min_resource=self.min_epochs, reduction_factor=self.reduction_factor)


class Hyperband(PrunerSpec):
    """Several successive halvings that differ in how early they decide, so that late starters get a chance."""

    cites: ClassVar[tuple[str, ...]] = ("Li et al. 2018, Hyperband, JMLR 18.",)

    kind: Literal["hyperband"] = "hyperband"
    min_epochs: PositiveInt = 1
    """Epochs before the first decision of the most eager bracket."""
    reduction_factor: Annotated[int, Field(ge=2, le=100, strict=True)] = 3
    """Of so many runs one is kept."""

    @property
    def keeps_rungs(self) -> bool:
        """It does."""
        return True

    def build(self, *, is_minimized: bool, epochs: int) -> BasePruner:
        """Optuna's `HyperbandPruner`."""
        from optuna.pruners import HyperbandPruner

        most = max(epochs, self.min_epochs)
        return HyperbandPruner(min_resource=self.min_epochs, max_resource=most, reduction_factor=self.reduction_factor)


class Patience(PrunerSpec):
    """End a run that has not improved for so many epochs."""

    cites: ClassVar[tuple[str, ...]] = ("Prechelt 1998, Early Stopping - But When?",)

    kind: Literal["patience"] = "patience"
    epochs: PositiveInt = 5
    """Epochs without an improvement."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    """Least change that counts as an improvement."""

    def build(self, *, is_minimized: bool, epochs: int) -> BasePruner:
        """Optuna's `PatientPruner` around no other pruner."""
        from optuna.pruners import PatientPruner

        return PatientPruner(None, patience=self.epochs, min_delta=self.min_delta)


class Wilcoxon(PrunerSpec):
    """After each seed, end a setting that is worse than the best one on the same seeds by a signed-rank test."""

    cites: ClassVar[tuple[str, ...]] = ("Wilcoxon 1945, Individual Comparisons by Ranking Methods.",)

    kind: Literal["wilcoxon"] = "wilcoxon"
    p_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Largest p at which a setting is ended."""
    startup_seeds: PositiveInt = 2
    """Seeds of each setting before the first test."""

    def build(self, *, is_minimized: bool, epochs: int) -> BasePruner:
        """Optuna's `WilcoxonPruner`; its steps are seeds."""
        from optuna.pruners import WilcoxonPruner

        return WilcoxonPruner(p_threshold=self.p_threshold, n_startup_steps=self.startup_seeds)


AnyPruner: TypeAlias = Annotated[
    NoPruning | Median | SuccessiveHalving | Hyperband | Patience | Wilcoxon, Field(discriminator="kind")
]
"""Every pruner, told apart by `kind`."""
PRUNERS: Final[tuple[type[PrunerSpec], ...]] = get_args(get_args(AnyPruner)[0])
"""The registry, in the order of the union."""
