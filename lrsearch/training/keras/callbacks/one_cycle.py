"""The 1cycle policy in anybody's `model.fit`: the rate, and momentum against it."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from lrsearch import schedules
from lrsearch.training.keras.callbacks.optimizer_access import optimizer_of
from lrsearch.training.keras.callbacks.schedule_callback import Blocks, ScheduleCallback
from lrsearch.training.keras.live_number import LiveHyperparameter


class OneCycle(ScheduleCallback):
    """Sets rate and momentum of every update from `lrsearch.schedules.OneCycle`.

    Momentum is `beta_1` where the optimizer has it (Adam and its kin), else `momentum` (SGD, RMSprop). It is put into the
    optimizer as a number that is read at every update, before the train function is traced (a function that was traced
    before is traced anew), and the optimizer's own number is put back at the end. Adam's bias correction takes the
    present beta_1, as PyTorch's does.

    Keras does not call `on_train_end` when a fit raises: use `with OneCycle(...) as cycle:` around it, or call
    `cycle.restore()` afterwards, to have the optimizer's own number back then too.

    Args:
        schedule: the cycle; or leave it out and pass its fields: `OneCycle(max_lr=0.1, pct_start=0.4)`.
        should_cycle_momentum: whether momentum moves; False leaves it alone.
        steps_per_epoch, start_step: as in `ScheduleCallback`.
        fields: those of `lrsearch.schedules.OneCycle`.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(momentum=0.9), "mse")
        >>> x = np.ones((20, 1))
        >>> history = model.fit(x, x, batch_size=2, verbose=0, callbacks=[OneCycle(max_lr=0.1)])
        >>> model.optimizer.momentum
        0.9
    """

    def __init__(
        self,
        schedule: schedules.OneCycle | None = None,
        *,
        should_cycle_momentum: bool = True,
        steps_per_epoch: int | None = None,
        start_step: int | None = None,
        **fields: Any,
    ) -> None:
        if schedule is not None and fields:
            raise TypeError(f"OneCycle got a schedule and {', '.join(fields)} too: set them in the schedule.")
        super().__init__(
            schedules.OneCycle(**fields) if schedule is None else schedule,
            steps_per_epoch=steps_per_epoch,
            start_step=start_step,
        )
        self._should_cycle_momentum = should_cycle_momentum
        self._live: LiveHyperparameter | None = None

    def restore(self) -> None:
        """Put the optimizer's own momentum back; a second call does nothing."""
        live, self._live = self._live, None
        if live is not None:
            live.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Resolve the cycle and make momentum live."""
        super().on_train_begin(logs)
        self.restore()
        cycle = self.resolved
        assert isinstance(cycle, schedules.OneCycle)
        if self._should_cycle_momentum:
            optimizer = optimizer_of(self.fitted)
            self._live = LiveHyperparameter(self.fitted, optimizer, _momentum_name(optimizer))
            self._momenta = Blocks(cycle.momenta)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Set rate and momentum of the update."""
        super().on_train_batch_begin(batch, logs)
        if self._live is not None:
            self._live.number.assign(self._momenta(self.step))

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Put the optimizer's own momentum back."""
        self.restore()


def _momentum_name(optimizer: Any) -> str:
    """The attribute that is the optimizer's momentum."""
    kind = type(optimizer).__name__
    for name in ("beta_1", "momentum"):
        if isinstance(getattr(optimizer, name, None), int | float):
            if getattr(optimizer, name) == 0:
                raise ValueError(
                    f"{kind} was built with {name} 0, so it keeps no momentum that OneCycle could move: build it with "
                    f"{kind}({name}=0.9), or pass OneCycle(should_cycle_momentum=False)."
                )
            return name
    raise ValueError(
        f"{kind} has neither beta_1 nor momentum as a number that OneCycle could move: pass "
        "OneCycle(should_cycle_momentum=False), or use an optimizer that has one, such as SGD(momentum=0.9) or Adam."
    )
