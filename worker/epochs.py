"""Counts the epochs of all runs of an attempt, for `limits.epochs`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from lrsearch.training.plan import Plan
from lrsearch.training.trainer import Answer, Observer, Run, Segment, Trainer, go_on


class EpochCounter:
    """A trainer that tells when its runs have finished more than `limit` epochs together.

    Args:
        trainer: does the work.
        limit: greatest number of epochs, >= 1; reaching it exactly is allowed.
        on_limit: called when one more epoch begins; the observer's `should_stop` then ends the runs.
    """

    def __init__(self, trainer: Trainer, limit: int, on_limit: Callable[[], None]) -> None:
        self.name = trainer.name
        self._trainer, self._limit, self._on_limit = trainer, limit, on_limit

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        """As `Trainer.train`."""
        finished = [0] * len(plans)

        def count(index: int, segment: Segment) -> Answer:
            if segment.epoch is not None:
                finished[index] = segment.epoch
            has_more = segment.first_step + len(segment.losses) < plans[index].steps or index < len(plans) - 1
            if sum(finished) >= self._limit and has_more:
                self._on_limit()
            return observer(index, segment)

        # counted to the epoch: each is told
        return self._trainer.train([replace(plan, is_steered=True) for plan in plans], count)
