"""What the rules say of a curve that was measured elsewhere."""

from __future__ import annotations

from typing import Any

from api.schemas.base import Read
from api.schemas.range_test_result import RuleAnswer, Suggestion


class Analysis(Read):
    """What the rules read in curves measured elsewhere."""

    verdict: str
    suggestion: Suggestion
    rules: list[RuleAnswer]
    plot: dict[str, Any]
    """A Plotly figure."""
