"""The result of a range test."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from api.schemas.base import Read


class Suggestion(Read):
    """A rule's answer; `lr` is null unless the verdict is `suggestion`."""

    rule: str
    lr: float | None
    min_lr: float | None
    max_lr: float | None
    interval: tuple[float, float] | None = None
    """Lowest and highest suggested rate over the repeats."""
    level: float | None = None
    """Share of the benchmark's answers in whose interval every rate held (docs/advice.md); null where not measured."""
    why: str


class RuleAnswer(Suggestion):
    """A rule's answer with its verdict."""

    verdict: str
    """suggestion, flat, monotone, diverged_at_once, non_finite, too_few_points or unconfirmed."""


class ResultCurve(Read):
    """A repeat's curve with its zero-phase smoothing."""

    trial: int
    seed: int
    lrs: list[float]
    losses: list[float | None]
    """Mean batch loss at each rate; null where it was not finite."""
    values: list[float | None]
    """What the rules read: the losses, 1 - accuracy, or the loss on held-out data, as `metric` says."""
    smoothed: list[float | None]
    stopped_at: int | None
    stop_reason: str


class GroupResult(Read):
    """What the ramps of one layer group say, all other layers at `others_lr`."""

    name: str
    verdict: str
    suggestion: Suggestion
    rules: list[RuleAnswer]
    curves: list[ResultCurve]


class HeldOutCheck(Read):
    """What samples held out say of the fall, where a ramp sees at least half of the samples."""

    samples: int
    """How many are held out."""
    knowing_nothing: list[float | None]
    """Of each repeat: the lesser of the held-out loss before the first update and of the best answer that looks at no sample."""
    best: list[float | None]
    """Of each repeat: the least held-out loss along the ramp."""
    holds: bool
    """Whether some repeat gains enough; if not, the verdict is `unconfirmed`."""
    why: str


class Candidate(Read):
    """A rate of the race."""

    lr: float
    losses: list[float | None]
    """What each seed was judged by; null where it diverged."""
    place: float
    """Mean place over the seeds, smoothed along the rates, with the pull to the suggestion; the least wins."""
    round: int = 1
    """1: around the suggestion; 2 and on: beyond the edge that was best in the round before."""


class Confirmation(Read):
    """The race of `confirm`."""

    lr: float | None
    """The winner; null where none has learned anything that holds on held-out samples."""
    asked_lr: float | None
    """What the ramps suggest."""
    asked_verdict: str
    why: str
    is_at_edge: bool
    """Whether the winner is the lowest or the highest candidate, all rounds together."""
    judged_by: str
    """val_loss or loss."""
    candidates: list[Candidate]
    control: list[float | None]
    """Loss of each seed at a rate at which nothing is learned."""
    steps: int
    seeds: int
    rounds: int = 1
    """1, and more where the best rate was at the edge."""
    updates: int
    """Updates of all rounds."""
    further_updates: int = 0
    """Updates of the rounds after the first one."""
    seconds: dict[str, float]


class RangeTestResult(Read):
    """Result of a range test; fields may be added."""

    model_config = ConfigDict(extra="allow")

    kind: str
    verdict: str
    suggestion: Suggestion
    rules: list[RuleAnswer]
    metric: str
    """loss, accuracy or val_loss."""
    check: HeldOutCheck | None = None
    """Null where a ramp sees few of the samples, with `confirm`, or when it was not asked for."""
    confirmation: Confirmation | None = None
    """Null without `confirm`, and where the race did not get to its end."""
    curves: list[ResultCurve]
    groups: list[GroupResult] | None = None
    """With `per_group`: each layer group ramped by itself."""
    others_lr: float | None = None
    """With `per_group`: the rate of all other layers."""
    training: dict[str, Any] | None = None
    """With `per_group`: `learning_rate` and `layer_groups` of a training whose groups' rates relate as suggested; null where one has none."""
    holds_for: dict[str, Any]
    """Model, data, optimizer and batch size outside of which the rate means little."""
    code: str
    """Keras code to paste."""
    engine: str | None
    environment: dict[str, Any]
    seconds: dict[str, float]
    updates: int
