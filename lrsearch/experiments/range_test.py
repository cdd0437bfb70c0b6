"""The learning-rate range test: one run on a rising schedule per repeat, read by every suggestion rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from lrsearch.curves import DivergenceRule, Ramp, ramp_rates
from lrsearch.errors import Problem
from lrsearch.experiments.base import Context, Estimate, Experiment, Groups, PlotSpec, TrialRecord
from lrsearch.experiments.confirmation import Confirm, race_plot
from lrsearch.experiments.evidence import seconds_of
from lrsearch.experiments.held_out_check import POINTS, SEEN, HeldOutCheck, judge, knowing_nothing, validated
from lrsearch.experiments.keras_code import range_test_code
from lrsearch.experiments.outcomes import Advice, task_of
from lrsearch.experiments.range_test_answers import answer_of, curve_of, read
from lrsearch.experiments.range_test_groups import alone, group_problems, tested, together, training_fields
from lrsearch.experiments.range_test_plot import group_plot, loss_plot
from lrsearch.experiments.range_test_problems import check_fields, data_problems
from lrsearch.experiments.range_test_race import after_race, further_groups, train_race
from lrsearch.experiments.tasks import Task, train_tasks, within
from lrsearch.spec import PositiveInt, Rate, Seed
from lrsearch.status import TrialStatus
from lrsearch.suggestions import RULES, RuleName, suggest
from lrsearch.suggestions.base import Suggestion
from lrsearch.training import catalog
from lrsearch.training.data_order import kept_samples
from lrsearch.training.layer_groups import LayerGroups
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan, Validation

MAX_STEPS = 100_000
"""Most updates of one repeat; a longer ramp tells nothing more."""
MAX_REPEATS = 64
"""Most repeats of one range test."""


class RangeTest(Experiment):
    """Raise the learning rate after every batch from `start_lr` to `end_lr` and read the loss curve.

    lr_i = start_lr (end_lr/start_lr)^(i/(steps-1)), i = 0..steps-1 (`linear`: a straight line). The loss at index i is
    the loss of batch i with the weights before update i. Repeats differ in seed: initial weights, data order, dropout.
    """

    cites: ClassVar[tuple[str, ...]] = (
        "Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3, arXiv:1506.01186",
    )

    shares_surely: ClassVar[bool] = False

    kind: Literal["range_test"] = "range_test"
    model: ModelSpec
    data: DataSpec
    optimizer: AnyOptimizer
    batch_size: PositiveInt
    """Samples per update; at most the training set."""
    start_lr: Rate | None = None
    """Rate of the first update; left out: that of the optimizer's row in the catalog, 1e-7, for Adadelta 1e-5."""
    end_lr: Rate | None = None
    """Rate of the last update; left out: that of the optimizer's row in the catalog, 10, for Adadelta 1000."""
    steps: Annotated[int, Field(ge=10, le=MAX_STEPS, strict=True)] = 100
    """Rates of one repeat; with one batch a rate also its updates."""
    ramp: Ramp = "exponential"
    """How the rate rises between the two ends."""
    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS, strict=True)] = 3
    """Runs with seeds seed, seed+1, ...; the interval is read off them."""
    seed: Seed = 0
    """Seed of the first repeat."""
    rule: RuleName = "consensus"
    """The suggestion rule whose answer is the job's suggestion; the result lists all of them."""
    metric: Literal["loss", "accuracy", "val_loss"] = "loss"
    """What the rules read: the batch loss, the batch accuracy (Smith's form, as 1 - accuracy), or the loss on held-out data."""
    batches_per_lr: Annotated[int, Field(ge=1, le=1000, strict=True)] = 1
    """Updates at each rate; their mean is one point of the curve."""
    validation_share: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.2
    """Share of the training data held out for `val_loss` or for `check`."""
    engine: Literal["auto", "compiled", "fit"] = "auto"
    """`fit` forces plain model.fit, `compiled` the compiled step loop."""
    check: bool = True
    """Where a ramp sees at least half of the samples, hold `validation_share` of them out and give no rate unless the loss falls there
    too; with `metric` `loss`, and without `confirm`, whose race holds samples out itself."""
    confirm: Confirm = None
    """Race rates around the suggestion after the ramps; true, or an object with the race's fields. Its cost is reported."""
    layer_groups: LayerGroups | None = None
    """Layers with rates of their own: each group's is the ramp's times its multiplier; 0: it stands still."""
    per_group: bool = False
    """After the ramps of all layers, ramp each layer group by itself: bounds for every group."""
    others_lr: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """With `per_group`, rate of all layers but the group that is ramped, times their multipliers; 0: they stand still, so that what the loss shows is the group's doing."""

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        check_fields(self)
        return self

    def ends(self) -> tuple[float, float]:
        """First and last rate of the ramp."""
        first, last = catalog.optimizers()[self.optimizer.kind].ramp
        return self.start_lr or first, self.end_lr or last

    def problems(self) -> list[Problem]:
        """Names without a catalog row, a model that cannot take its data, a batch larger than the data, no accuracy to measure."""
        found = catalog.check(self.model, self.data)
        row = catalog.datasets().get(self.data.name)
        if row is not None:
            found += data_problems(self, row)
            found += group_problems(self) if self.model.name in catalog.models() else []
        return found

    def estimate(self) -> Estimate:
        """Updates and trials, without further rounds of a race; the seconds are not estimated before the first job of a kind has run."""
        runs, race = self.repeats * (1 + len(self._ramped())), self.confirm
        extra = (0, 0) if race is None else (race.updates, race.trials)
        updates = self.steps * self.batches_per_lr * runs
        return Estimate(updates=updates + extra[0], trials=runs + extra[1], estimated_seconds=None)

    def _ramped(self) -> list[int]:
        """Places of the layer groups that are ramped by themselves."""
        return tested(self.layer_groups) if self.per_group and self.layer_groups is not None else []

    def packs(self, workers: int) -> list[list[int]]:
        """One pack with every repeat, and the race's or the groups' runs after them: they share model and data, and stack."""
        return [list(range(self.estimate().trials))]

    @property
    def shared_trials(self) -> Groups:
        """The further rounds of a race, each taken when the one before wants it."""
        return further_groups(self)

    def plan(self, trial: int) -> Plan:
        """The training of one repeat, with the ramp in all layers."""
        plan = Plan(
            model=self.model,
            data=self.data,
            optimizer=self.optimizer,
            batch_size=self.batch_size,
            rates=np.repeat(ramp_rates(*self.ends(), self.steps, self.ramp), self.batches_per_lr),
            seed=(self.seed + trial) % 2**31,
            divergence=DivergenceRule(first_step=10 * self.batches_per_lr),
            metrics=("accuracy",) if self.metric == "accuracy" else (),
            validation=self._validation(),
            engine=self.engine,
        )
        return plan if self.layer_groups is None else together(plan, self.layer_groups)

    def _validation(self) -> Validation | None:
        """Held-out samples are measured at every rate for `val_loss`, and at some for the check."""
        if self.metric == "val_loss":
            return Validation(self.validation_share, self.batches_per_lr)
        return Validation(self.validation_share, -(-self._updates // POINTS)) if self._held_out() else None

    @property
    def _updates(self) -> int:
        """Updates of one repeat."""
        return self.steps * self.batches_per_lr

    def _held_out(self) -> int:
        """Samples held out for the check, 0 without one."""
        row = catalog.datasets().get(self.data.name)
        if row is None or not self.check or self.confirm is not None or self.metric != "loss":
            return 0
        kept = kept_samples(row.train_size, self.validation_share)
        is_seen = self._updates * self.batch_size >= SEEN * row.train_size
        return row.train_size - kept if is_seen and self.batch_size <= kept else 0

    def train(self, trials: Sequence[int], context: Context) -> None:
        """Train the repeats and the groups', or the race around what they suggest; what earlier attempts finished is read."""
        if self.per_group:
            train_tasks([self._ramp(trial) for trial in trials], context)
            return
        known = {} if self.confirm is None else dict(context.finished())
        waiting = [Task(trial, self.plan(trial)) for trial in trials if trial < self.repeats]
        to_come = sum(trial >= self.repeats for trial in trials) * (0 if self.confirm is None else self.confirm.steps)
        known |= {record.number: record for record in train_tasks(waiting, within(context, to_come=to_come))}
        if self.confirm is not None and not any(one.status is TrialStatus.CANCELLED for one in known.values()):
            train_race(self, trials, known, context)

    def _ramp(self, number: int) -> Task:
        """A ramp of all layers, or beyond the repeats of a single group."""
        turn, repeat = divmod(number, self.repeats)
        if turn == 0 or self.layer_groups is None:
            return Task(number, self.plan(repeat))
        place = self._ramped()[turn - 1]
        plan = alone(self.plan(repeat), self.layer_groups, place, self.others_lr)
        return Task(number, plan, setting={"group": self.layer_groups.groups[place].name})

    def conclude(self, records: Sequence[TrialRecord]) -> dict[str, Any]:
        """Bounds by every rule, the chosen rule's suggestion or the race's winner, the curves, and what they hold for."""
        ramps = [record for record in records if record.number < self.repeats]
        raced = [record for record in records if record.number >= self.repeats]
        check = self._checked(ramps)
        answers = self._answers(ramps, check)
        result = self._result(ramps, answers, check)
        if self.per_group:
            return result | self._groups(records, answers[self.rule])
        if self.confirm is None:
            return result
        return result | after_race(self, raced, answers[self.rule], result["updates"])

    def _groups(self, records: Sequence[TrialRecord], asked: Suggestion) -> dict[str, Any]:
        """What the ramps of the single groups say, and what follows for a training."""
        assert self.layer_groups is not None
        chosen, rows = dict[int, Suggestion](), list[dict[str, Any]]()
        for index, place in enumerate(self._ramped()):
            first = self.repeats * (1 + index)
            mine = [record for record in records if first <= record.number < first + self.repeats]
            answers = self._answers(mine, self._checked(mine))
            chosen[place] = answers[self.rule]
            rows.append({"name": self.layer_groups.groups[place].name} | self._said(mine, answers))
        return {
            "groups": rows,
            "others_lr": self.others_lr,
            "training": training_fields(self.layer_groups, asked, chosen),
            "updates": sum(len(record.arrays["losses"]) for record in records),
            "seconds": seconds_of(records),
        }

    def _answers(self, records: Sequence[TrialRecord], check: HeldOutCheck | None) -> dict[str, Suggestion]:
        """What every rule says of some ramps, after the check."""
        curves = [read(self, record) for record in records]
        answers = {rule: suggest(curves, rule=rule, optimizer=self.optimizer.kind) for rule in RULES}
        return answers if check is None else {rule: check.apply(answer) for rule, answer in answers.items()}

    def _said(self, records: Sequence[TrialRecord], answers: Mapping[str, Suggestion]) -> dict[str, Any]:
        """The rules' answers to some ramps, and their curves, for the result."""
        chosen = answers[self.rule]
        return {
            "verdict": chosen.verdict.value,
            "suggestion": answer_of(self.rule, chosen),
            "rules": [answer_of(rule, answer) | {"verdict": answer.verdict.value} for rule, answer in answers.items()],
            "curves": [curve_of(self, record) for record in records],
        }

    def _result(
        self, records: Sequence[TrialRecord], answers: Mapping[str, Suggestion], check: HeldOutCheck | None
    ) -> dict[str, Any]:
        """What the range tests of all layers say."""
        return {
            "kind": self.kind,
            **self._said(records, answers),
            "metric": self.metric,
            "check": None if check is None else check.as_json(),
            "holds_for": self._holds_for(),
            "code": range_test_code(self.optimizer, answers[self.rule]),
            "engine": records[0].facts.get("engine") if records else None,
            "environment": records[0].facts.get("environment", {}) if records else {},
            "seconds": seconds_of(records),
            "updates": sum(len(record.arrays["losses"]) for record in records),
        }

    def _checked(self, records: Sequence[TrialRecord]) -> HeldOutCheck | None:
        """What the held-out samples say; None where none are, or where the ramps were cut short."""
        curves, samples = [validated(record) for record in records], self._held_out()
        if not samples or not any(map(len, curves)) or any(one.status is TrialStatus.CANCELLED for one in records):
            return None
        return judge(curves, samples, knowing_nothing(records, self.data.name))

    def _holds_for(self) -> dict[str, Any]:
        """The setting outside of which the suggested rate means little."""
        return {
            "model": self.model.model_dump(mode="json"),
            "data": self.data.model_dump(mode="json"),
            "optimizer": self.optimizer.model_dump(mode="json", exclude_none=True),
            "batch_size": self.batch_size,
            **self.model_dump(mode="json", include={"layer_groups"}, exclude_none=True),
        }

    def advice(self, result: Mapping[str, Any]) -> list[Advice]:
        """Every rule's answer, the chosen one's as the job gave it; after a race also the race's."""
        answers: dict[str, Mapping[str, Any]] = {answer["rule"]: answer for answer in result["rules"]}
        answers[result["suggestion"]["rule"]] = result["suggestion"] | {"verdict": result["verdict"]}
        return [self._advice(answer) for answer in answers.values()]

    def _advice(self, answer: Mapping[str, Any]) -> Advice:
        bounds = {name: answer[name] for name in ("lr", "min_lr", "max_lr")}
        return Advice(
            rule=answer["rule"],
            metric=self.metric,
            verdict=answer["verdict"],
            task=task_of(self.plan(0)),
            model=self.model.name,
            data=self.data.name,
            optimizer=self.optimizer.kind,
            **bounds,
        )

    def plots(self, result: Mapping[str, Any]) -> list[PlotSpec]:
        """Loss over learning rate: raw repeats, their smoothed band, bounds, divergence; the race or the groups, if there were."""
        subject = f"{self.model.name} on {self.data.name}, {self.optimizer.kind}, batch {self.batch_size}"
        plots, confirmation = [loss_plot(self, result)], result.get("confirmation")
        plots += [] if confirmation is None else [race_plot(confirmation, subject)]
        return plots + ([group_plot(self, result)] if result.get("groups") else [])
