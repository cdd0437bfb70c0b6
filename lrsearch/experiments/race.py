"""A short race between constant rates around a suggestion: what a range test only guesses, it measures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.held_out_check import LEAST_GAIN, learned
from lrsearch.spec import PositiveInt, Share, Spec
from lrsearch.training.plan import Plan, Validation

Floats = NDArray[np.float64]

CONTROL = 1e-9
"""The control's rate over the suggestion: it learns nothing, and shows what nothing is worth."""
FIRST_SEED = 1_000
"""Seeds of the race start this far above those of the range test: it must not see the same weights again."""
TAIL = 0.1
"""Share of the updates, at the end, whose training losses count when nothing could be validated."""


@dataclass(frozen=True, slots=True, eq=False)
class RaceResult:
    """Who won.

    Attributes:
        lr: the winner, None when no candidate ended with a finite loss, or none was better than the control.
        rates: shape (candidates,), rising; those of all rounds.
        losses: shape (candidates, seeds), what each was judged by; infinite where it diverged.
        control: shape (seeds,), the same without learning.
        places: shape (candidates,), mean place over the seeds, smoothed, 1 the best possible.
        rounds: shape (candidates,), int: in which round each was trained, 1 for the candidates around the suggestion.
        is_at_edge: whether the winner is the lowest or the highest rate: the best one may lie beyond.
        updates: what the race cost, all rounds together.
        further_updates: what of it the rounds after the first one cost.
        why: one sentence.
    """

    lr: float | None
    rates: Floats
    losses: Floats
    control: Floats
    places: Floats
    rounds: NDArray[np.int64]
    is_at_edge: bool
    updates: int
    further_updates: int
    why: str


class Race(Spec):
    """Train `candidates` constant rates around a suggestion for `steps` updates, `seeds` times each, and compare.

    Rates: suggestion 10^(spacing k), k = -(candidates-1)/2 .. (candidates-1)/2. Each run is judged by its loss on the
    held-out share after its last update; without one, by the mean of the last tenth of its training losses. The
    candidates are placed seed by seed (diverged ones last, ties share their places), the mean places are smoothed with
    their neighbours' (1/4, 1/2, 1/4; at the ends 3/4, 1/4), `pull` x candidates x (decades from the suggestion)^2 is
    added, and the least wins. Far from the suggestion a candidate must win clearly.

    Where without the pull the highest rate alone has the least place, the good ones may lie beyond: candidates // 2 rates
    above it are trained too, with the same seeds and spacing, and all are placed together; at most `widenings` times. So
    too below the lowest rate, if that has learned something: below one that has not none has. Beyond the first candidates
    the pull is that of their ends: who looks there has a reason.

    The first runs are a control at a vanishing rate. With n the lesser of the control's mean and of the loss of an answer
    that knows nothing, where the caller gives it, a winner with a mean loss l is a suggestion only when
    (n - l) / |n| > `LEAST_GAIN`: otherwise it has learned nothing that holds on samples it did not see (noise for labels,
    too few data, too few updates), and which rate wins is chance.

    Places, since the losses of high rates are wild; smoothing, since neighbouring rates differ less than seeds do.
    All runs share model, data, batch size and optimizer, so that they stack into one computation.
    """

    cites: ClassVar[tuple[str, ...]] = ("lrsearch: defined here; docs/advice.md is its evidence",)

    steps: PositiveInt = 200
    """Updates of each run."""
    candidates: Annotated[int, Field(ge=3, le=64, strict=True)] = 15
    """Rates; an odd number has the suggestion itself in the middle."""
    seeds: Annotated[int, Field(ge=1, le=64, strict=True)] = 3
    """Runs of each rate."""
    spacing: Annotated[float, Field(gt=0, le=2)] = 0.25
    """Decades between neighbouring rates."""
    held_out: Share = 0.2
    """Share of the training data the runs are judged on; 0: judged by their training losses."""

    pull: Annotated[float, Field(ge=0, le=10)] = 0.1
    """How much a candidate's place suffers by its distance from the suggestion: share of the places a square decade."""
    widenings: Annotated[int, Field(ge=0, le=4, strict=True)] = 2
    """Most further rounds, each of half as many rates beyond the edge, where the best rate is at the edge."""

    @property
    def trials(self) -> int:
        """Runs of the first round, the control's among them."""
        return (1 + self.candidates) * self.seeds

    @property
    def further_trials(self) -> int:
        """Runs of a further round."""
        return self.candidates // 2 * self.seeds

    @property
    def most_trials(self) -> int:
        """Runs of all rounds there may be."""
        return self.trials + self.widenings * self.further_trials

    @property
    def updates(self) -> int:
        """Updates of the runs of the first round, at most."""
        return self.trials * self.steps

    def whole(self, records: Sequence[TrialRecord]) -> Sequence[TrialRecord]:
        """The records, in the order of their numbers, without those of a last further round that is not over."""
        further = (len(records) - self.trials) // max(self.further_trials, 1)
        return records[: self.trials + further * self.further_trials]

    def rates(self, lr: float) -> Floats:
        """The candidates around a rate: shape (candidates,), float64, rising.

        Example:
            >>> Race(candidates=3, spacing=1.0).rates(0.1).round(6).tolist()
            [0.01, 0.1, 1.0]
        """
        steps = np.arange(self.candidates, dtype=np.float64) - 0.5 * (self.candidates - 1)
        return lr * 10.0 ** (self.spacing * steps)

    def plans(self, plan: Plan, lr: float) -> list[Plan]:
        """The runs of the first round, rate by rate and seed by seed, the control first.

        Args:
            plan: a repeat of the range test: gives model, data, optimizer, batch size, engine and the first seed.
            lr: the suggestion.
        """
        return self._plans(plan, (CONTROL * lr, *self.rates(lr)))

    def _plans(self, plan: Plan, rates: Iterable[float]) -> list[Plan]:
        return [
            replace(
                plan,
                rates=np.full(self.steps, rate),
                seed=(plan.seed + FIRST_SEED + number) % 2**31,
                divergence=None,
                validation=Validation(self.held_out, self.steps) if self.held_out else None,
                resume_from=None,
            )
            for rate in rates
            for number in range(self.seeds)
        ]

    def further_plans(self, plan: Plan, records: Sequence[TrialRecord], yardstick: float = float("inf")) -> list[Plan]:
        """The runs of the next round, from the records of all runs before; none when the race is over."""
        if len(records) >= self.most_trials:
            return []
        control, rates, losses = self._ends(records)
        order = np.argsort(rates)
        edge = leading_edge(losses[order], min(float(control.mean()), yardstick))
        if edge == 0:
            return []
        beyond = 10.0 ** (self.spacing * edge * np.arange(1, self.candidates // 2 + 1))
        return self._plans(plan, (rates.max() if edge > 0 else rates.min()) * beyond)

    def judge(self, records: Sequence[TrialRecord], yardstick: float = float("inf")) -> RaceResult:
        """The winner, from the records of all runs, in the order of `plans` and `further_plans`.

        Args:
            records: of whole rounds.
            yardstick: the loss of knowing nothing.
        """
        control, rates, losses = self._ends(records)
        x, order = np.log10(rates), np.argsort(rates)
        pulls = self.pulls(x - 0.5 * (x[0] + x[self.candidates - 1]))
        rounds = 1 + np.maximum(0, np.arange(len(x)) - self.candidates + self.candidates // 2) // (self.candidates // 2)
        rates, losses = rates[order], losses[order]
        places = smoothed_places(losses) + pulls[order]
        winner = int(np.argmin(places))
        has_learned = learned(float(losses[winner].mean()), min(float(control.mean()), yardstick))
        updates = [len(record.arrays["losses"]) for record in records]
        return RaceResult(
            lr=float(rates[winner]) if has_learned else None,
            rates=rates,
            losses=losses,
            control=control,
            places=places,
            rounds=rounds[order],
            is_at_edge=winner in {0, len(rates) - 1},
            updates=sum(updates),
            further_updates=sum(updates[self.trials :]),
            why=self._why(rates, winner) if has_learned else _nobody(losses),
        )

    def _ends(self, records: Sequence[TrialRecord]) -> tuple[Floats, Floats, Floats]:
        """The control's losses, the candidates' rates, and their losses (candidates, seeds), in the order of the records."""
        losses = np.array([_loss(record) for record in records]).reshape(-1, self.seeds)
        rates = np.array([float(record.arrays["lrs"][0]) for record in records[self.seeds :: self.seeds]])
        return losses[0], rates, losses[1:]

    def pulls(self, decades: Floats) -> Floats:
        """What distances from the suggestion, in decades, add to the places: of the same shape, >= 0."""
        end = 0.5 * self.spacing * (self.candidates - 1)
        return self.pull * self.candidates * np.minimum(np.abs(decades), end) ** 2

    def _why(self, rates: Floats, winner: int) -> str:
        where = "Best" if 0 < winner < len(rates) - 1 else "Best, at the edge,"
        further = len(rates) - self.candidates
        beyond = (
            f" {further} of them were added where the best of those around the suggestion was at the edge."
            if further
            else ""
        )
        return (
            f"{where} of {len(rates)} rates from {rates[0]:.2g} to {rates[-1]:.2g} "
            f"after {self.steps} updates each, {self.seeds} seeds.{beyond}"
        )


def _nobody(losses: Floats) -> str:
    if not np.isfinite(losses).any():
        return "Every candidate diverged: lower the rates."
    return (
        f"No candidate gets more than {LEAST_GAIN:.0%} below the untrained model, or an answer that knows nothing, on samples it did not "
        "see: check the labels, use more data, or other confirm.steps."
    )


def leading_edge(losses: Floats, nothing: float) -> int:
    """Where better rates may lie than those that were tried: 1 above them, -1 below, 0 neither.

    Args:
        losses: shape (candidates, seeds), rates rising, not finite where a run diverged.
        nothing: loss of knowing nothing.

    Example:
        >>> [leading_edge(np.array(losses)[:, None], 9.0) for losses in ([3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0])]
        [1, -1, 0]
    """
    places = smoothed_places(losses)
    best = int(np.argmin(places))
    if np.count_nonzero(places == places[best]) > 1:
        return 0
    if best == len(losses) - 1:
        return 1
    return -1 if best == 0 and learned(float(losses[0].mean()), nothing) else 0


def smoothed_places(losses: Floats) -> Floats:
    """Mean places of candidates, smoothed along the rates; losses of shape (candidates, seeds), not finite = last.

    Returns:
        Shape (candidates,), float64, from 1 to the number of candidates.

    Example:
        >>> smoothed_places(np.array([[3.0], [1.0], [np.nan]])).tolist()
        [1.75, 1.75, 2.5]
    """
    filled = np.where(np.isfinite(losses), losses, np.inf)
    below = (filled[None, :, :] < filled[:, None, :]).sum(axis=1)
    equal = (filled[None, :, :] == filled[:, None, :]).sum(axis=1)
    places: Floats = (below + 0.5 * (equal + 1.0)).mean(axis=1)
    padded = np.pad(places, 1, mode="edge")
    return 0.25 * padded[:-2] + 0.5 * places + 0.25 * padded[2:]


def _loss(record: TrialRecord) -> float:
    """What a run is judged by; infinite when it ended early."""
    if record.stopped_at is not None:
        return float("inf")
    validated: Any = record.arrays.get("validations/val_loss", np.empty(0))
    if len(validated):
        return float(validated[-1])
    losses = record.arrays["losses"]
    return float(np.mean(losses[-max(1, round(TAIL * len(losses))) :]))
