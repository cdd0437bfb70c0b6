"""The result of a training, a sweep or a comparison."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from api.schemas.base import Read


class SettingRow(Read):
    """A setting of a comparison, ranked."""

    setting: str
    values: dict[str, Any]
    """Pointer -> value: what makes it a setting of its own."""
    metrics: dict[str, dict[str, Any]]
    """Metric -> mean over the seeds, its 95 % t interval, and the value of each seed (null where it diverged)."""
    group: int
    """1 for the best; settings of one group are not distinguishable from its first."""
    diverged: int
    """How many of its runs diverged."""
    trials: list[int]
    flags: list[str]


class Recommendation(Read):
    """The setting to use."""

    setting: str
    why: str


class PairedTest(Read):
    """Two settings compared seed by seed."""

    a: str
    b: str
    difference: float | None
    """Mean of a - b; null when a run of either diverged."""
    p_holm: float
    """p value of the paired t test, Holm-corrected over all pairs."""


class ComparisonResult(Read):
    """Result of a training, a sweep or a comparison; fields may be added."""

    model_config = ConfigDict(extra="allow")

    kind: str
    metric: str
    direction: str
    leaderboard: list[SettingRow]
    """Best first; settings with diverged runs come last."""
    recommendation: Recommendation | None
    """Null where the evidence does not carry one."""
    flags: list[str]
    flag_notes: dict[str, str]
    """Flag -> the sentence that explains it."""
    tests: list[PairedTest]
    curves: list[dict[str, Any]]
    holds_for: dict[str, Any]
    """Model, data, batch size, length and validation outside of which the ranking means little."""
    code: str | None
    """Keras code to paste."""
    engine: str | None
    environment: dict[str, Any]
    seconds: dict[str, float]
    updates: int
