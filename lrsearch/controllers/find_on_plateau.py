"""Look for a new learning rate when the metric stalls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lrsearch.controllers.base import (
    ControllerState,
    Decision,
    KeepRate,
    Metrics,
    NonNegativeInt,
    PlateauController,
    PlateauMemory,
    ProbeRange,
    SetRate,
)
from lrsearch.curves import Curve
from lrsearch.spec import PositiveInt, Rate, Spec, broken
from lrsearch.suggestions import RuleName, suggest
from lrsearch.suggestions.base import Suggestion, Verdict


class FindOnPlateau(PlateauController):
    """After `patience` epochs without improvement: a range test from there, and on with the rate it suggests.

    The test runs from a snapshot that is restored completely (the engine's part: `ProbeRange`). The new rate is
    min(suggestion, max_increase lr); when the test finds nothing the old rate stays. Every test is recorded.

    Example:
        >>> state = FindOnPlateau(patience=1, steps=50).start()
        >>> state.at_epoch_end(0, {"val_loss": 1.0}, lr=0.1)
        KeepRate(why='')
        >>> probe = state.at_epoch_end(1, {"val_loss": 1.0}, lr=0.1)
        >>> state.at_probe_end(Curve(probe.rates(), [1.0] * 50)), state.tests[0].verdict.value
        (KeepRate(why='The range test found no rate (flat), so 0.1 stays.'), 'flat')
    """

    cites = (
        "Mackenzie, learning-rate finder; MachineCurve 2020, Finding optimal learning rates with the learning rate range "
        "test, on plateaus.",
    )

    kind: Literal["find_on_plateau"] = "find_on_plateau"
    min_lr: Rate = 1e-7
    """Rate of the test's first update, > 0."""
    max_lr: Rate = 1.0
    """Rate of the test's last update, > min_lr."""
    steps: Annotated[int, Field(ge=2, strict=True)] = 100
    """Updates of a test."""
    rule: RuleName = "consensus"
    """Suggestion rule that reads the test; the article's is `steepest`."""
    max_increase: Annotated[float, Field(gt=0, strict=True)] = 10.0
    """Cap: the new rate is at most this many times the current one, > 0."""
    max_tests: PositiveInt | None = None
    """Most tests of one training, or None for any number."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min_lr >= self.max_lr:
            raise broken(
                "min_lr",
                "bounds_reversed",
                f"min_lr ({self.min_lr:g}) is not below max_lr ({self.max_lr:g}).",
                "Lower min_lr or raise max_lr.",
            )
        return self

    def start(self) -> FindOnPlateauState:
        """A fresh state."""
        return FindOnPlateauState(self, FindOnPlateauMemory())


class TestOnPlateau(Spec):
    """A range test that was made."""

    __test__ = False  # not a test of pytest's

    epoch: NonNegativeInt
    """Epoch after which it was made, counted from 0."""
    old_lr: float
    """Rate before."""
    suggested_lr: float | None
    """What the rule said, or None."""
    new_lr: float
    """Rate after: the suggestion, capped, or the old one."""
    verdict: Verdict
    """What the test says."""
    why: str
    """The rule's sentence."""


class Pending(Spec):
    """A range test that was asked for and not answered yet."""

    epoch: NonNegativeInt
    """Epoch after which it was asked for."""
    lr: float
    """Rate then."""


class FindOnPlateauMemory(PlateauMemory):
    """What it remembers."""

    kind: Literal["find_on_plateau"] = "find_on_plateau"
    tests: tuple[TestOnPlateau, ...] = ()
    """Tests that were made, in order."""
    pending: Pending | None = None
    """Test that was asked for."""


class FindOnPlateauState(ControllerState[FindOnPlateau, FindOnPlateauMemory]):
    """`FindOnPlateau` at work."""

    @property
    def tests(self) -> tuple[TestOnPlateau, ...]:
        """Tests that were made, in order."""
        return self.memory.tests

    def at_epoch_end(self, epoch: int, metrics: Metrics, lr: float) -> Decision:
        """Keep the rate, or ask for a range test.

        Raises:
            RuntimeError: the test asked for before was not answered.
        """
        rule = self.controller
        if self.memory.pending is not None:
            raise RuntimeError("a range test was asked for and not answered: call at_probe_end with its curve first.")
        value = rule.reading(metrics)
        if value is None:
            return rule.not_measured(metrics)
        self.memory, is_stalled = rule.watch(self.memory, value)
        if not is_stalled:
            return KeepRate()
        if rule.max_tests is not None and len(self.tests) >= rule.max_tests:
            return KeepRate(f"{rule.stalled(self.memory)}, and all {rule.max_tests} tests were made.")
        self.memory = self.memory.model_copy(update={"pending": Pending(epoch=epoch, lr=lr)})
        return ProbeRange(rule.min_lr, rule.max_lr, rule.steps, f"{rule.stalled(self.memory)}.")

    def at_probe_end(self, curves: Curve | Sequence[Curve], optimizer: str | None = None) -> Decision:
        """Set the rate the test suggests, capped, or keep the old one."""
        pending = self.memory.pending
        if pending is None:
            return super().at_probe_end(curves, optimizer)
        answer = suggest(curves, rule=self.controller.rule, optimizer=optimizer)
        decision = self._decide(answer, pending.lr)
        record = TestOnPlateau(
            epoch=pending.epoch,
            old_lr=pending.lr,
            suggested_lr=answer.lr,
            new_lr=decision.lr if isinstance(decision, SetRate) else pending.lr,
            verdict=answer.verdict,
            why=answer.why,
        )
        update = {"tests": (*self.tests, record), "pending": None, "wait": 0, "cooldown_left": self.controller.cooldown}
        self.memory = self.memory.model_copy(update=update)
        return decision

    def _decide(self, answer: Suggestion, old_lr: float) -> SetRate | KeepRate:
        if answer.lr is None:
            return KeepRate(f"The range test found no rate ({answer.verdict.value}), so {old_lr:g} stays.")
        cap = self.controller.max_increase * old_lr
        if answer.lr > cap:
            return SetRate(cap, f"The range test suggests {answer.lr:g}, capped at {cap:g}: {answer.why}")
        return SetRate(answer.lr, f"The range test suggests {answer.lr:g}: {answer.why}")
