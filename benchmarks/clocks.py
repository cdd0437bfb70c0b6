"""Times of several pieces of work, taken in turn, so that a busy machine slows all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Work = Callable[[], Any]
Clock = Callable[[], float]

WALL: Clock = time.perf_counter
CPU: Clock = time.process_time
"""Seconds of the processor, all threads of this process together: waiting for a busy core does not lengthen them."""


def in_turn(works: Sequence[Work], repeats: int, clock: Clock = WALL) -> NDArray[np.float64]:
    """Seconds of each work in each round: shape (len(works), repeats)."""
    return np.array([[seconds(work, clock) for work in works] for _ in range(repeats)]).T


def seconds(work: Work, clock: Clock = WALL) -> float:
    """Seconds of one call."""
    began = clock()
    work()
    return clock() - began
