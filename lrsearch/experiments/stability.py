"""Whether a training survives larger rates than the chosen ones."""

from __future__ import annotations

from typing import Final

import numpy as np

from lrsearch.experiments.base import TrialRecord
from lrsearch.status import TrialStatus

STRESS: Final = (5.0, 10.0)
"""Factors on the rates of the stress runs."""
MOST_LOST: Final = 0.5
"""Share of what the calm run gained that a stressed run may lose before it counts as unstable."""
TAIL: Final = 0.1
"""Share of a run's updates at its end over which the batch loss is averaged."""


def is_unstable(stressed: TrialRecord, calm: TrialRecord) -> bool:
    """Whether the stressed run diverged, or lost more than half of what the calm run gained.

    With s the first batch loss and e the mean of the last tenth of the losses, calm gain g = s - e: unstable when the
    stressed run's e exceeds the calm one's by more than g / 2. A calm run that gained nothing cannot lose anything.
    """
    if calm.status is TrialStatus.DIVERGED or stressed.status is TrialStatus.CANCELLED:
        return False
    if stressed.status is TrialStatus.DIVERGED:
        return True
    gained = float(calm.arrays["losses"][0]) - _tail(calm)
    return gained > 0 and _tail(stressed) - _tail(calm) > MOST_LOST * gained


def _tail(record: TrialRecord) -> float:
    losses = record.arrays["losses"]
    return float(np.mean(losses[-max(1, int(TAIL * len(losses))) :]))
