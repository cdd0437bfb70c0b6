"""Look for a new rate by a range test in the middle of anybody's `model.fit` when the metric stalls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle, islice
from typing import Any

from lrsearch import controllers
from lrsearch.controllers import Decision, ProbeRange
from lrsearch.controllers.find_on_plateau import TestOnPlateau
from lrsearch.training.keras.callbacks.batch_memory import BatchMemory, batches_of
from lrsearch.training.keras.callbacks.controller_callback import ControllerCallback, controller_of
from lrsearch.training.keras.callbacks.optimizer_access import accumulation_of, optimizer_of
from lrsearch.training.keras.callbacks.ramp import MOST_SKIPPED, probe

NAME = "FindOnPlateau"


class FindOnPlateau(ControllerCallback):
    """After `patience` epochs without improvement: a range test from there, everything put back, on at its suggestion.

    The test runs the model's own compiled train step, not a `fit` inside the fit, on the batches given as `data`, or on
    the last ones that the fit itself took, which it remembers (as many as the test has updates; they stay in memory).

    Args:
        controller: the rule; or leave it out and pass its fields: `FindOnPlateau(patience=5, max_lr=0.1)`.
        data: batches to test on: a `tf.data.Dataset`, a `PyDataset`, a list of batches, a function that returns an
            iterator of batches, or arrays (x, y) or (x, y, sample_weight); left out: those of the fit.
        batch_size: of arrays given as `data`.
        fields: those of `lrsearch.controllers.FindOnPlateau`.
    """

    def __init__(
        self,
        controller: controllers.FindOnPlateau | None = None,
        *,
        data: Any = None,
        batch_size: int = 32,
        **fields: Any,
    ) -> None:
        self._rule: controllers.FindOnPlateau = controller_of(controllers.FindOnPlateau, controller, fields)
        super().__init__(self._rule)
        self._data, self._batch_size = data, batch_size
        self._memory: BatchMemory | None = None

    @property
    def tests(self) -> tuple[TestOnPlateau, ...]:
        """The range tests of the last fit, in order."""
        return self.state.memory.tests

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin to remember batches, unless they are given."""
        super().on_train_begin(logs)
        if self._data is None:
            self._memory = BatchMemory(self.fitted, self._rule.steps * accumulation_of(self.fitted), NAME)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """See to it that batches are still seen."""
        if self._memory is not None:
            self._memory.attach()  # again, where another callback has made the train function anew

    def decide(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        """Decide as the controller does; make the range test it asks for."""
        decision = super().decide(epoch, metrics)
        if not isinstance(decision, ProbeRange):
            return decision
        wanted = decision.steps * accumulation_of(self.fitted) + MOST_SKIPPED
        curve = probe(self.fitted, islice(self._batches(), wanted), decision.rates(), NAME)
        return self.state.at_probe_end(curve, optimizer=type(optimizer_of(self.fitted)).__name__.lower())

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Forget the batches."""
        if self._memory is not None:
            self._memory.detach()
            self._memory = None

    def _batches(self) -> Iterator[Any]:
        if self._memory is not None:
            return cycle(self._memory.batches)
        return batches_of(self._data, self._batch_size)
