"""Other tools' rules, written anew from their published definitions, with their own smoothing, trims and stop.

Each takes the raw batch losses of one range test and answers with a rate or None: the rate as that tool would print it,
its known faults included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.measure import RAMPS, steps_per_epoch
from benchmarks.regret.tasks import OPTIMIZERS as DOCUMENTS
from benchmarks.regret.truth import Measured
from lrsearch.training.optimizer_table import OPTIMIZERS

Floats = NDArray[np.float64]
Rule = Callable[[Floats, Floats], "float | None"]


@dataclass(frozen=True, slots=True)
class Rival:
    """A tool's rule.

    Attributes:
        name: what the report calls it.
        source: where its definition is published.
        answer: (task, number of the repeat) -> rate or None.
        ramp: the range test it reads.
    """

    name: str
    source: str
    answer: Callable[[Measured, int], float | None]
    ramp: str = "ramp"

    @property
    def updates(self) -> int:
        """What it costs."""
        return 0 if self.ramp == "none" else RAMPS[self.ramp][2]

    @property
    def repeats(self) -> int:
        """Range tests stored for it; each is one answer."""
        return 1 if self.ramp == "none" else len(RAMPS[self.ramp][3])


def averaged(losses: Floats, beta: float, late: int = 0) -> Floats:
    """Causal exponential average, divided by 1 - beta^(i + 1 + late); a right bias correction has late = 0."""
    mean, found = 0.0, np.empty(len(losses))
    for i, loss in enumerate(losses.tolist()):
        mean = beta * mean + (1.0 - beta) * loss
        found[i] = mean / (1.0 - beta ** (i + 1 + late))
    return found


def stopped(losses: Floats, threshold: float, first: int = 0) -> Floats:
    """The head of a curve up to the first value above threshold x the best so far; a NaN compares as false."""
    best = np.inf
    for i, loss in enumerate(losses.tolist()):
        if i >= first and loss > threshold * best:
            return losses[: i + 1]
        best = min(best, loss)
    return losses


def _fastai(rule: Rule) -> Callable[[Measured, int], float | None]:
    """LRFinder of fastai 2: EMA .98, stop above 4 x best, then the first 10 and the last 5 points are cut off."""

    def answer(task: Measured, repeat: int) -> float | None:
        lrs, raw = task.curves["ramp"]
        smoothed = stopped(averaged(raw[repeat], 0.98), 4.0)
        rates, losses = lrs[10 : len(smoothed) - 5], smoothed[10:-5]
        bad = np.flatnonzero(np.isnan(losses))
        end = int(bad[0]) if bad.size else len(losses)
        return rule(rates[:end], losses[:end]) if end > 1 else None

    return answer


def valley(lrs: Floats, losses: Floats) -> float:
    """Longest decreasing subsequence, by its own bookkeeping of start and end; the point at half of it."""
    length = np.ones(len(losses), dtype=np.int64)
    start = end = 0
    for i in range(1, len(losses)):
        lower = losses[:i][losses[:i] > losses[i]].size and length[:i][losses[:i] > losses[i]].max() + 1
        length[i] = max(1, int(lower))
        if length[end] < length[i]:
            end, start = i, i - int(length[i])
    third = (end - start) / 3
    return float(lrs[start + int(third) + int(third / 2)])


def slide(lrs: Floats, losses: Floats) -> float | None:
    """From the right, 15 points apart, until the slopes (by index) differ by at most .005."""
    if len(losses) <= 15:
        return None
    slope = np.gradient(losses)
    right, found = -1, float(lrs[-16])
    while right - 15 >= -len(losses) and abs(slope[right] - slope[right - 15]) > 0.005:
        found = float(lrs[right - 15])
        right -= 1
    return found


def minimum(lrs: Floats, losses: Floats) -> float:
    """A tenth of the rate with the least averaged loss."""
    return float(lrs[int(np.argmin(losses))]) / 10.0


def steep(lrs: Floats, losses: Floats) -> float:
    """Where the averaged loss falls fastest by log rate, from one point to the next."""
    return float(lrs[int(np.argmin(np.diff(losses) / np.diff(np.log(lrs))))])


def _lightning(by_rate: bool) -> Callable[[Measured, int], float | None]:
    """Lightning's lr_find: 1e-8 to 1, EMA .98 whose bias correction counts one step too many, stop above 4 x best.

    The first 10 points and the last one are skipped; the least gradient, by index up to 2.5.2, by the rate itself from
    2.5.3 on. Up to 2.5.2 points that are not finite shift the index of what follows.
    """

    def answer(task: Measured, repeat: int) -> float | None:
        lrs, raw = task.curves["lightning"]
        smoothed = stopped(averaged(raw[repeat], 0.98, late=1), 4.0, first=1)
        losses, rates = smoothed[10:-1], lrs[10 : len(smoothed) - 1]
        finite = np.isfinite(losses)
        if finite.sum() < 2:
            return None
        if by_rate:
            slope = np.gradient(losses[finite], rates[finite])
            return float(rates[finite][int(np.argmin(slope))])
        return float(rates[int(np.argmin(np.gradient(losses[finite])))])

    return answer


def pytorch_lr_finder(task: Measured, repeat: int) -> float | None:
    """Davidtvs' range_test and plot: l_i = .05 loss + .95 l_(i-1), stop above 5 x best, skip 10 and 5, least gradient."""
    lrs, raw = task.curves["ramp"]
    smoothed = raw[repeat].copy()
    for i in range(1, len(smoothed)):
        smoothed[i] = 0.05 * smoothed[i] + 0.95 * smoothed[i - 1]
    losses = stopped(smoothed, 5.0)
    rates, losses = lrs[10 : len(losses) - 5], losses[10:-5]
    return float(rates[int(np.argmin(np.gradient(losses)))]) if len(losses) > 1 else None


def surmenok(task: Measured, repeat: int) -> float | None:
    """keras_lr_finder as it runs since TF 2.2: `logs["loss"]` is the epoch's running mean; sma 20, skips 10 and 5."""
    lrs, raw = task.curves["ramp"]
    epoch = steps_per_epoch(task.task.family, task.samples)
    running = np.concatenate([_running(raw[repeat][i : i + epoch]) for i in range(0, len(lrs), epoch)])
    end, best = len(lrs), 1e9
    for i, loss in enumerate(running.tolist()):
        if i % epoch > 5 and (np.isnan(loss) or loss > 4.0 * best):
            end = i + 1
            break
        best = min(best, loss)
    if end < 26:
        return None
    slopes = np.concatenate([np.zeros(20), (running[20:end] - running[: end - 20]) / 20])[10:-5]
    return float(lrs[10 : end - 5][int(np.argmin(slopes))])


def _running(losses: Floats) -> Floats:
    return np.cumsum(losses) / np.arange(1, len(losses) + 1)


def dataiku(task: Measured, repeat: int) -> float | None:
    """The middle of dataiku-research's range: from the steepest point of the last descent to a tenth of the minimum.

    EMA .98, stop above 3.47 x best, skip 5 and 1. When the range is narrower than a decade its lower end is a tenth of
    the upper one. Rates are one step ahead of losses: the callback pairs a loss with the rate of the next update.
    """
    lrs, raw = task.curves["ramp"]
    smoothed = averaged(raw[repeat], 0.98)
    smoothed = stopped(smoothed, 10.0 - 20.0 * 0.98 / 3.0)
    if len(smoothed) <= 6:
        return None
    step = np.log10(lrs[1] / lrs[0])
    rates, losses = np.log10(lrs[5 : len(smoothed) - 1]) + step, smoothed[5:-1]
    least = int(np.argmin(losses))
    high = float(rates[int(np.argmin(np.abs(10.0**rates - 10.0 ** (rates[least] - 1.0))))])
    slope = np.gradient(losses)
    rising = slope[:least][::-1] >= 0
    start = least - int(np.argmax(rising)) if rising.size else least
    low = float(rates[start + int(np.argmin(slope[start:least]))]) if start < least else np.inf
    if low > high - 1.0:
        low = float(rates[int(np.argmin(np.abs(10.0**rates - 10.0 ** (high - 1.0))))])
    return float(10.0 ** (0.5 * (low + high)))


def keras_default(task: Measured, repeat: int) -> float:
    """Keras' default rate of the optimizer."""
    return OPTIMIZERS[DOCUMENTS[task.task.optimizer]["kind"]].default_lr


_FASTAI = "fastai 2, callback.schedule"
RIVALS: Final = (
    Rival("fastai valley", _FASTAI, _fastai(valley)),
    Rival("fastai slide", _FASTAI, _fastai(slide)),
    Rival("fastai minimum", _FASTAI, _fastai(minimum)),
    Rival("fastai steep", _FASTAI, _fastai(steep)),
    Rival("Lightning to 2.5.2", "lightning.pytorch.tuner.lr_finder", _lightning(by_rate=False), "lightning"),
    Rival("Lightning from 2.5.3", "lightning.pytorch.tuner.lr_finder", _lightning(by_rate=True), "lightning"),
    Rival("pytorch-lr-finder", "davidtvs/pytorch-lr-finder 0.2.2", pytorch_lr_finder),
    Rival("surmenok, running mean", "surmenok/keras_lr_finder", surmenok),
    Rival("dataiku, middle of range", "dataiku-research/lr_finder_keras_fastai", dataiku),
    Rival("Keras default", "keras 3.15", keras_default, "none"),
)
