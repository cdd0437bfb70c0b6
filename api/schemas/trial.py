"""The trials of a job and what they measured."""

from __future__ import annotations

from typing import Any

from api.schemas.base import Read
from lrsearch.status import TrialStatus


class Trial(Read):
    """One training with one seed."""

    number: int
    status: TrialStatus
    seed: int
    setting: dict[str, Any]
    """What the trials of several seeds share."""
    stop_reason: str
    stopped_at: int | None
    """Update at which it stopped; null when completed."""
    metrics: dict[str, float | None]
    facts: dict[str, Any]
    """Engine, seconds by phase, environment."""
    links: dict[str, str]


class TrialList(Read):
    """The finished trials of a job, by number."""

    items: list[Trial]


class Curve(Read):
    """What a training measured: index i is update i."""

    trial: int
    seed: int
    lrs: list[float]
    losses: list[float | None]
    """Loss of batch i before update i; null where it was not finite, see `stop_reason`."""
    momenta: list[float] | None = None
    """Momentum (or `beta_1`) of each update, where the schedule moves it; else null."""
    history: dict[str, list[float | None]]
    """Metrics by epoch."""
    stopped_at: int | None
    stop_reason: str
