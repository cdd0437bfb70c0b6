"""What is known of a task: held-out loss by constant rate, and the regret of any rate that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.tasks import Task
from lrsearch.experiments.held_out_check import learned

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Everything that was measured on a task.

    Attributes:
        task: model, data, optimizer, batch size, updates.
        weights: trainable numbers of the model.
        samples: training samples.
        log_rates: shape (n,), log10 of the rates, the first one vanishing.
        losses: shape (n,), held-out loss after the task's updates, mean over the seeds; never above that of the
            vanishing rate: a run that diverged, or got worse, has lost everything there was to gain, not more.
        curves: name of a ramp -> (rates, raw batch losses of shape (seeds, steps)), infinite after the end.
        race: shape (checkpoints, rates, seeds), held-out losses of other seeds on other held-out samples, after
            `race_steps` updates; infinite where a run had diverged.
        nothing: the lesser of the loss at the vanishing rate and of that of the best answer that looks at no sample, in the
            unit of `race`: what a winner must stay under.
    """

    task: Task
    weights: int
    samples: int
    log_rates: Floats
    losses: Floats
    curves: dict[str, tuple[Floats, Floats]]
    race: Floats
    race_steps: NDArray[np.int64]
    nothing: float = np.inf

    @property
    def race_rates(self) -> Floats:
        """log10 of the rates of the races: shape (rates,)."""
        return self.log_rates[1 : 1 + self.race.shape[1]]

    @property
    def can_be_learned(self) -> bool:
        """Whether the best rate gets the loss more than `LEAST_GAIN` below that of a vanishing one: below, regret is noise."""
        return learned(float(self.losses.min()), float(self.losses[0]))

    def regret(self, log_rate: float | None) -> float:
        """Share of the achievable improvement that is lost: (loss - best) / (loss at a vanishing rate - best), 0 to 1.

        The loss is interpolated in log rate; a rate above the grid has that of its end; no rate at all has regret 1.
        """
        if log_rate is None or not np.isfinite(log_rate):
            return 1.0
        best = float(self.losses.min())
        loss = float(np.interp(log_rate, self.log_rates, self.losses))
        return (loss - best) / (float(self.losses[0]) - best)

    @property
    def best(self) -> float:
        """log10 of the best rate of the grid."""
        return float(self.log_rates[int(np.argmin(self.losses))])


def mean_losses(truth: Floats) -> Floats:
    """Mean over the seeds of losses of shape (rates, seeds), each at most that of its seed at the vanishing rate."""
    return np.minimum(np.where(np.isfinite(truth), truth, np.inf), truth[0]).mean(axis=1)
