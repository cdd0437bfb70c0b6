"""Trains a pack to its end: chunk after chunk, each handed to the recorders of the members."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lrsearch.training.keras.compiled.loops import Chunk
from lrsearch.training.keras.compiled.pack import Pack
from lrsearch.training.recorder import Recorder

Floats = NDArray[np.float64]

FIRST_CHUNK_STEPS = 16
"""Updates of the first chunk of a program that was never timed, and of runs that are steered; 1 with convolutions, whose
updates take long."""
MOST_STEERED_STEPS = 256
"""Updates of a chunk whose runs are steered: what lies behind a change of rates or an end is trained in vain, and what lies before
a change twice."""


class Driver:
    """Trains a pack.

    A chunk is trained before its recorders see any of it, and made again in part when one of them then changes its
    rates or copies a state within it. After that chunks are as short as what was kept, and grow again while nothing of
    the kind happens: a controller that acts at every epoch costs no second training.

    Args:
        pack: the members; those beyond the recorders only fill the stack.
        recorders: one for each member whose run counts.
        has_epoch_ends: whether something is measured outside of chunks at the end of each epoch, so that none may pass one.
        is_slow: whether an update may take long, so that the first chunk must be short.
        is_steered: whether an observer may change rates or end runs by what it is told.
        chunk_seconds: time a chunk may take.
    """

    def __init__(
        self,
        pack: Pack,
        recorders: Sequence[Recorder],
        *,
        has_epoch_ends: bool,
        is_slow: bool,
        is_steered: bool,
        chunk_seconds: float,
    ) -> None:
        self._pack, self._recorders = pack, recorders
        self._has_epoch_ends, self._is_slow, self._chunk_seconds = has_epoch_ends, is_slow, chunk_seconds
        longest = pack.program.chunk_steps
        self._is_steered = is_steered
        self._longest = min(longest, MOST_STEERED_STEPS) if is_steered else longest
        self._most = min(longest, FIRST_CHUNK_STEPS) if is_steered else longest
        self.final: list[dict[str, float]] = [{} for _ in recorders]
        """What each member's test set measured."""
        self.test_seconds = 0.0

    def run(self) -> None:
        """Train until no recorder is running."""
        for place, recorder in enumerate(self._recorders):
            recorder.settle()
            if not recorder.is_running:
                self._finish(place)
        while running := self._running():
            left = max(self._left(place) for place in running)
            rates = self._rates(min(left, self._chunk_steps(running)))
            is_alive = np.array([place in running for place in range(self._pack.members)])
            chunk = self._pack.advance(rates, self._validates(len(rates)), is_alive)
            self._hand_over(chunk, rates)

    def _running(self) -> list[int]:
        return [place for place, recorder in enumerate(self._recorders) if recorder.is_running]

    def _left(self, place: int) -> int:
        return len(self._recorders[place].rates_ahead(self._pack.program.chunk_steps))

    def _chunk_steps(self, running: Sequence[int]) -> int:
        """Updates that may be made before the recorders are asked."""
        steps = min(self._most, self._longest)
        if self._has_epoch_ends:
            steps = min(steps, *(self._recorders[place].steps_to_epoch_end for place in running))
        seconds = self._pack.program.seconds_per_step
        if seconds is None:
            return min(steps, 1 if self._is_slow else FIRST_CHUNK_STEPS)
        return max(1, min(steps, int(self._chunk_seconds / seconds)))

    def _rates(self, count: int) -> Floats:
        """Rates of shape (count, members); 0 for members that have ended, whose updates nobody looks at."""
        rates = np.zeros((count, self._pack.members))
        for place in self._running():
            ahead = self._recorders[place].rates_ahead(count)
            rates[: len(ahead), place] = ahead
        return rates

    def _validates(self, count: int) -> NDArray[np.bool_]:
        """Shape (count,): whether some recorder wants the held-out samples measured after the update."""
        validates = np.zeros(count, np.bool_)
        if self._pack.program.validates_inside:
            for place in self._running():
                validates |= self._recorders[place].validations_ahead(count)
        return validates

    def _hand_over(self, chunk: Chunk, rates: Floats) -> None:
        """Give the recorders what was measured, epoch by epoch where they are steered; go back when one of them changes its rates."""
        first, done, disturbed_at = self._pack.step - chunk.done, 0, 0
        while done < chunk.done and (running := self._running()):
            size = min(chunk.done - done, *(self._told_at_once(place) for place in running))
            before = self._changes()
            for place in running:
                self._add(place, chunk, slice(done, done + size))
            done += size
            if not disturbed_at and (self._pack.has_looked_back or before != self._changes()):
                disturbed_at = done
            if disturbed_at and done < chunk.done and self._has_other_rates(rates[done:]):
                self._pack.rewind(first + done)
                break
        self._most = disturbed_at or 2 * max(self._most, chunk.done)

    def _told_at_once(self, place: int) -> int:
        """Updates that a recorder may be given together."""
        recorder = self._recorders[place]
        return recorder.steps_to_epoch_end if self._is_steered or self._has_epoch_ends else recorder.steps_left

    def _changes(self) -> list[int]:
        return [recorder.changes for recorder in self._recorders]

    def _add(self, place: int, chunk: Chunk, part: slice) -> None:
        """Give one recorder its part of the chunk."""
        recorder, program = self._recorders[place], self._pack.program
        held_out = self._pack.named(chunk.held_out[part, place].T, "val") if program.validates_inside else None
        recorder.add(
            chunk.losses[part, place],
            dict(zip(program.metric_names, chunk.metrics[part, place].T, strict=True)),
            held_out,
        )
        if not recorder.is_running:
            self._finish(place)

    def _has_other_rates(self, rates: Floats) -> bool:
        """Whether a recorder wants other rates than the chunk was trained at."""
        for place in self._running():
            ahead = self._recorders[place].rates_ahead(len(rates))
            if not np.array_equal(ahead, rates[: len(ahead), place]):
                return True
        return False

    def _finish(self, place: int) -> None:
        """Measure the test set, where the plan wants it and the last validation was not on it."""
        recorder = self._recorders[place]
        if not recorder.should_test:
            return
        began = time.perf_counter()
        if self._pack.program.is_validated_on_test and (validated := recorder.validated_now):
            self.final[place] = {name.replace("val_", "test_", 1): value for name, value in validated.items()}
        else:
            self.final[place] = self._pack.measure(place, recorder.step, on_test=True, pause=recorder.breathe)
        self.test_seconds += time.perf_counter() - began
