"""Members that are trained in lockstep by one program, and what a recorder sees of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lrsearch.training.data_order import DataOrder
from lrsearch.training.keras.compiled.batch_table import BatchTable
from lrsearch.training.keras.compiled.loops import Chunk
from lrsearch.training.keras.compiled.program import Pause, Program
from lrsearch.training.keras.compiled.step_functions import Measured, State

Floats = NDArray[np.float64]
T = TypeVar("T")


class Pack:
    """The states of all members, always after the same number of updates.

    A chunk may run ahead of the recorders, over several epochs. When one of them then looks at an earlier step, that
    state is made again from the one before the chunk, which is still there: states are replaced, never changed. How
    updates are cut into chunks does not change a bit of them.

    Args:
        program: what trains them.
        orders: data order of each member.
        states: first state of each member.
        step: number of updates these states have seen.
        controls: of each member, what follows the rate of each update; none: nothing does.
    """

    def __init__(
        self,
        program: Program,
        orders: Sequence[DataOrder],
        states: Sequence[State],
        step: int,
        controls: Sequence[Floats] = (),
    ) -> None:
        self.program, self.members, self.step = program, len(orders), step
        self._batches = BatchTable(program, orders, controls)
        self._state = self._before = program.to_device(states)
        self._first, self._rates = step, np.empty((0, self.members))
        self._again: tuple[int, State] | None = None
        self._measured: tuple[int, bool, Measured] | None = None
        self.has_looked_back = False
        """Whether a state within the last chunk had to be made again."""

    def compile(self) -> None:
        """Compile the program, if it is not yet."""
        self.program.compile(self._state)

    def advance(self, rates: Floats, validates: NDArray[np.bool_], is_alive: NDArray[np.bool_]) -> Chunk:
        """Make updates; ends early when the losses of all alive are not finite.

        Args:
            rates: shape (count, members).
            validates: shape (count,): whether to measure the held-out samples after the update, inside the chunk.
            is_alive: shape (members,): whose losses count.

        Returns:
            Losses (done, members), metrics (done, members, m) and held_out (done, members, 1 + m or 0), float64.
        """
        self._before, self._first, self._rates, self._again = self._state, self.step, rates, None
        self.has_looked_back = False
        began = time.perf_counter()
        self._state, chunk = self.run(self._state, self.step, rates, is_alive, validates)
        if chunk.done:
            self.program.seconds_per_step = (time.perf_counter() - began) / chunk.done
        self.step += chunk.done
        return chunk

    def rewind(self, step: int) -> None:
        """Go back to a step of the last chunk, to go on from there at other rates."""
        self._state, self.step = self.state_at(step), step

    def state_at(self, step: int) -> State:
        """The states of all members after `step` updates, a step of the last chunk."""
        if step == self.step:
            return self._state
        if self._again is None or self._again[0] != step:
            if not self._first <= step < self.step:
                raise RuntimeError(f"The training is at step {self.step}; the state of step {step} is past.")
            self._again, self.has_looked_back = (step, self._made_again(step)), True
        return self._again[1]

    def _made_again(self, step: int) -> State:
        """The state at a step of the last chunk, from the one made again last, where that is earlier, or from its start."""
        first, state = self._first, self._before
        if self._again is not None and self._again[0] < step:
            first, state = self._again
        everyone = np.ones(self.members, np.bool_)
        rates = self._rates[first - self._first : step - self._first]
        return self.run(state, first, rates, everyone)[0]

    def run(
        self,
        state: State,
        step: int,
        rates: Floats,
        is_alive: NDArray[np.bool_],
        validates: NDArray[np.bool_] | None = None,
    ) -> tuple[State, Chunk]:
        """Make updates from any state, on the batches from `step` on; changes nothing here."""
        is_stacked = self.program.kind.members is not None
        batches = self._batches.filled(step, rates, validates)
        after, chunk = self.program.run(state, batches, is_alive if is_stacked else is_alive[0])
        shape = (chunk.done, self.members)
        losses, *wide = (np.asarray(part, np.float64) for part in (chunk.losses, chunk.metrics, chunk.held_out))
        metrics, held_out = (part.reshape(*shape, part.shape[-1]) for part in wide)
        return after, Chunk(losses.reshape(shape), metrics, held_out, chunk.done)

    def measure(self, place: int, step: int, *, on_test: bool, pause: Pause) -> dict[str, float]:
        """Loss and metrics of one member: on the test set with its final weights, or on the held-out samples.

        Nothing when `pause` ended it.
        """
        if self._measured is None or self._measured[:2] != (step, on_test):
            state = self.state_at(step)
            if on_test:
                state = state._replace(weights=self.program.optimizer.final_weights(state.weights, state.slots))
            measured = self.program.measure(state, on_test=on_test, pause=pause)
            if measured is None:
                return {}
            self._measured = (step, on_test, measured)
        loss, metrics = self._measured[2]
        values = [loss.reshape(self.members)[place].item(), *metrics.reshape(self.members, -1)[place].tolist()]
        return self.named(values, "test" if on_test else "val")

    def named(self, values: Iterable[T], prefix: str) -> dict[str, T]:
        """Loss and metrics measured on held-out samples under the names Keras gives them."""
        names = [f"{prefix}_{name}" for name in ("loss", *self.program.metric_names)]
        return dict(zip(names, values, strict=True))

    def take(self, place: int, step: int) -> State:
        """A copy of one member's state, as arrays."""
        is_stacked = self.program.kind.members is not None
        state = self.state_at(step)
        return tf.nest.map_structure(lambda tensor: np.array(tensor[place] if is_stacked else tensor), state)


class LiveMember:
    """One member of a pack, as its recorder holds it; probes run beside the pack and leave it as it is.

    Args:
        pack: the pack.
        place: place of the member in it.
        at: the step its recorder is at.
    """

    def __init__(self, pack: Pack, place: int, at: Callable[[], int]) -> None:
        self._pack, self._place, self._at = pack, place, at
        self.pause: Pause = lambda: True
        """Called within long validations; False ends them."""
        self._probe: State | None = None

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of weights, statistics, random state and slots."""
        state = self._pack.take(self._place, self._at())
        return {f"{group}/{i}": value for group, values in state._asdict().items() for i, value in enumerate(values)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """End a probe; the pack was not changed by it, and a resumed pack starts from these arrays."""
        self._probe = None

    def update(self, step: int, rate: float) -> float:
        """One update of a probe; the first one starts it."""
        state = self._probe if self._probe is not None else self._pack.state_at(self._at())
        members = self._pack.members
        rates = np.zeros((1, members))
        rates[0, self._place] = rate
        self._probe, chunk = self._pack.run(state, step, rates, np.ones(members, np.bool_))
        return float(chunk.losses[0, self._place])

    def validate(self) -> dict[str, float]:
        """Metrics on the held-out samples; nothing when the recorder was stopped meanwhile."""
        return self._pack.measure(self._place, self._at(), on_test=False, pause=self.pause)


def state_of(arrays: Mapping[str, NDArray[Any]]) -> State:
    """The state a snapshot was made of."""

    def group(name: str) -> list[NDArray[Any]]:
        return [arrays[f"{name}/{i}"] for i in range(sum(key.startswith(f"{name}/") for key in arrays))]

    return State(group("weights"), group("others"), group("slots"))
