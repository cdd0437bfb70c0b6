"""Paste-ready Keras code for a result: what a person does with the answer."""

from __future__ import annotations

from lrsearch.experiments.training_document import TrainingSpec
from lrsearch.experiments.training_fields import UpdateFields, momenta_of
from lrsearch.suggestions.base import Suggestion
from lrsearch.training import catalog
from lrsearch.training.plan import OptimizerSpec


def optimizer_code(optimizer: OptimizerSpec, learning_rate: str) -> str:
    """One line that builds the optimizer in Keras; `learning_rate` is an expression."""
    arguments = [f"learning_rate={learning_rate}"]
    arguments += [f"{name}={value!r}" for name, value in optimizer.hyperparameters().items()]
    row = catalog.optimizers()[optimizer.kind]
    return f"optimizer = keras.optimizers.{row.keras_class}({', '.join(arguments)})"


def range_test_code(optimizer: OptimizerSpec, suggestion: Suggestion) -> str | None:
    """Keras code that trains at the suggested rate, or None without a suggestion."""
    if suggestion.lr is None:
        return None
    lines = ["import keras", "", optimizer_code(optimizer, f"{suggestion.lr:.4g}")]
    if suggestion.min_lr is not None and suggestion.max_lr is not None:
        lines.append(f"# bounds for a cyclical schedule: {suggestion.min_lr:.4g} to {suggestion.max_lr:.4g}")
    return "\n".join(lines) + "\n"


def training_code(training: TrainingSpec) -> str:
    """Keras code that trains as a document says: the optimizer with its rate or schedule, and the length of the fit."""
    length = f"batch_size={training.batch_size}, epochs={-(-training.updates() // training.steps_per_epoch())}"
    fit = "\n".join([f"# model.compile(optimizer=optimizer, ...); model.fit(x, y, {length})", *_left_out(training)])
    if training.schedule is None:
        assert training.learning_rate is not None
        return "\n".join(
            ["import keras", "", optimizer_code(training.optimizer, f"{training.learning_rate:.6g}"), fit, ""]
        )
    fields = training.schedule.model_dump(mode="json", exclude_defaults=True) | {"kind": training.schedule.kind}
    lines = [
        "import keras",
        "from pydantic import TypeAdapter",
        "from lrsearch.schedules import AnySchedule",
        "from lrsearch.training.keras.schedule_export import to_keras",
        "",
        f"schedule = TypeAdapter(AnySchedule).validate_python({fields!r})",
        f"# steps of the samples that were trained on here; an epoch of n samples has ceil(n / {training.batch_size})",
        f"schedule = to_keras(schedule, steps_per_epoch={training.steps_per_epoch()}, total_steps={training.updates()})",
        optimizer_code(training.optimizer, "schedule"),
        fit,
    ]
    return "\n".join([*lines, ""])


def _left_out(training: TrainingSpec) -> list[str]:
    """What the measured runs had and the code has not, so that nobody takes it for the whole of them."""
    plain = {name: TrainingSpec.model_fields[name].default for name in UpdateFields.model_fields}
    names = [name for name, default in plain.items() if getattr(training, name) != default]
    names += ["controllers"] if training.controllers else []
    names += ["the momentum of one_cycle (lrsearch.callbacks.OneCycle)"] if momenta_of(training)[0] is not None else []
    return [f"# Not in this code, and part of what was measured: {', '.join(names)}."] if names else []
