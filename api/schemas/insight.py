"""Which rule held."""

from __future__ import annotations

from api.schemas.base import Read


class RuleHeld(Read):
    """How a suggestion rule held: its answers beside what trainings of the same task ended with."""

    rule: str
    """Name of the rule; `race` is the winner of a race, judged by trainings of other jobs alone."""
    optimizer: str | None
    """Null: all that the filters leave."""
    model: str | None
    """Null: all that the filters leave."""
    answers: int
    """Answers to range tests that are stored."""
    without_rate: int
    """Answers whose verdict is no suggestion."""
    without_evidence: int
    """Answers near whose rate nothing was trained, or on whose task the best rate is not known."""
    judged: int
    """Answers with a regret."""
    tasks: int
    """Tasks of the judged answers; each has one vote, the mean regret of the answers on it."""
    held: float | None
    """Share of the tasks whose regret is at most `held_regret`; null without a judged answer."""
    held_interval: tuple[float, float] | None
    """Of the share, at 95 %; null with fewer than 5 tasks."""
    median: float | None
    """Of the tasks' regrets."""
    p90: float | None
    """Of the tasks' regrets."""
    worst: float | None
    """Of the tasks' regrets."""
    worst_job_id: str | None
    """The job with the answer of greatest regret."""


class RuleInsights(Read):
    """Which rule held. Regret of a rate: (its loss - best loss) / (loss at a vanishing rate - best loss), 0 to 1."""

    rules: list[RuleHeld]
    """Over all that the filters leave, the least median first; rules without a judged answer last."""
    groups: list[RuleHeld]
    """By optimizer and model."""
    outcomes: int
    """Trainings that the regrets were taken from."""
    held_regret: float
    """A rate held when its regret is at most this."""
