"""Controllers at work in a run: they decide at epoch ends, through the observer, and live in the run's checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrsearch.controllers import Controller, EarlyStopping, KeepRate, ProbeRange, SaveBest, SetRate, StopTraining
from lrsearch.controllers.base import ControllerState, Decision
from lrsearch.curves import Curve
from lrsearch.experiments.base import Context
from lrsearch.training.plan import Checkpoint, Plan
from lrsearch.training.recorder import ended_here
from lrsearch.training.trainer import Answer, Continue, Probe, Run, Segment, SetRates, Stop, StopReason

Floats = NDArray[np.float64]
_RATES: Final = "pilot/rates"
_BEST: Final = "pilot/best/"


class Pilot:
    """Steers one run by its controllers.

    When several decide in the same epoch, stopping comes first, then a range test, then a rate; a rate is a factor on
    all rates to come, so that a schedule keeps its shape.

    Args:
        plan: of the run; with `resume_from` the pilot goes on from what it left there.
        controllers: in the order in which they are asked.
    """

    def __init__(self, plan: Plan, controllers: Sequence[Controller]) -> None:
        self._plan, self._rates = plan, np.array(plan.rates)
        self._states: list[ControllerState[Any, Any]] = [controller.start() for controller in controllers]
        self._best: Checkpoint | None = None
        self._best_metrics: dict[str, float] = {}
        self._ends_with_best = any(isinstance(one, EarlyStopping) and one.restore_best for one in controllers)
        self.events: list[dict[str, Any]] = []
        """What was decided and why, JSON-able: epoch, controller, decision, lr, why."""
        if plan.resume_from is not None and self._states:
            self._resume(plan.resume_from)

    def steer(self, segment: Segment) -> Answer:
        """Ask the controllers after an epoch; do nothing within one."""
        if segment.epoch is None or not self._states:
            return Continue()
        step = segment.first_step + len(segment.losses)
        lr = float(self._rates[step - 1])
        epoch = segment.epoch - 1
        decisions = [state.at_epoch_end(epoch, segment.metrics, lr) for state in self._states]
        if any(isinstance(decision, SaveBest) for decision in decisions):
            self._best, self._best_metrics = segment.checkpoint(), segment.metrics | {"epoch": float(epoch)}
        for place, decision in enumerate(decisions):
            self._note(epoch, place, decision)
        if any(isinstance(decision, StopTraining) for decision in decisions):
            return Stop(StopReason.EARLY_STOPPED)
        return self._changed(step, lr, decisions)

    def _changed(self, step: int, lr: float, decisions: Sequence[Decision]) -> Answer:
        for decision in decisions:
            if isinstance(decision, SetRate):
                self._set(step, lr, decision.lr)
        for place, decision in enumerate(decisions):
            if isinstance(decision, ProbeRange) and step < len(self._rates):
                return Probe(decision.rates(), lambda curve, place=place: self._probed(place, step, lr, curve))
        return SetRates(self._rates[step:]) if any(isinstance(d, SetRate) for d in decisions) else Continue()

    def _probed(self, place: int, step: int, lr: float, curve: Curve) -> Floats:
        decision = self._states[place].at_probe_end(curve, self._plan.optimizer.kind)
        self._note(self.events[-1]["epoch"], place, decision)
        if isinstance(decision, SetRate):
            self._set(step, lr, decision.lr)
        return self._rates[step:]

    def _set(self, step: int, old_lr: float, new_lr: float) -> None:
        """Scale the rates to come by new / old; after a rate of 0 there is no shape to keep."""
        ahead = self._rates[step:]
        is_constant = len(ahead) == 0 or np.ptp(ahead) == 0
        self._rates[step:] = new_lr if is_constant or old_lr == 0 else ahead * (new_lr / old_lr)

    def _note(self, epoch: int, place: int, decision: Decision) -> None:
        if isinstance(decision, SaveBest) or (isinstance(decision, KeepRate) and not decision.why):
            return
        why = decision.reason if isinstance(decision, StopTraining) else decision.why
        event = {"epoch": epoch, "controller": self._states[place].controller.kind, "decision": _NAMES[type(decision)]}
        self.events.append(event | {"lr": decision.lr if isinstance(decision, SetRate) else None, "why": why})

    def keeping(self, make: Callable[[], Checkpoint]) -> Callable[[], Checkpoint]:
        """The maker of a checkpoint, with what the pilot needs to go on added."""
        if not self._states:
            return make
        return lambda: self._added(make())

    def _added(self, made: Checkpoint) -> Checkpoint:
        facts = made.facts | {
            "controllers": [state.snapshot() for state in self._states],
            "controller_events": list(self.events),
            "best_metrics": dict(self._best_metrics),
        }
        arrays = made.arrays | {_RATES: self._rates.copy()}
        if self._best is not None:
            arrays |= {f"{_BEST}{name}": array for name, array in self._best.arrays.items()}
            facts |= {"best_step": self._best.step, "best_facts": self._best.facts}
        return Checkpoint(made.step, arrays, facts)

    def _resume(self, checkpoint: Checkpoint) -> None:
        facts, arrays = checkpoint.facts, checkpoint.arrays
        for state, snapshot in zip(self._states, facts["controllers"], strict=True):
            state.restore(snapshot)
        self._rates, self.events = np.array(arrays[_RATES]), list(facts["controller_events"])
        self._best_metrics = dict(facts["best_metrics"])
        if "best_step" in facts:
            best = {name.removeprefix(_BEST): array for name, array in arrays.items() if name.startswith(_BEST)}
            self._best = Checkpoint(facts["best_step"], best, facts["best_facts"])

    def finished(self, run: Run, context: Context) -> Run:
        """The run with what its best weights measure, where a controller kept them.

        `best_epoch` and `best_<metric>` are added to the final metrics. With early stopping that restores the best
        weights `test_...` is theirs, as in Keras also when the last epoch comes before the patience ends.
        """
        if self._best is None or run.stop_reason not in {StopReason.COMPLETED, StopReason.EARLY_STOPPED}:
            return run
        best = {f"best_{name}": value for name, value in self._best_metrics.items()}
        here = ended_here(self._best)
        plan = replace(self._plan, rates=self._plan.rates[: here.step], resume_from=here)
        tested = context.trainer.train([plan])[0].final
        best |= {f"best_{name}": value for name, value in tested.items()}
        return replace(run, final=run.final | best | (tested if self._ends_with_best else {}))


_NAMES: Final = {
    KeepRate: "keep_rate",
    SetRate: "set_rate",
    StopTraining: "stop_training",
    ProbeRange: "range_test",
}
