"""What a training can be asked for beyond the plain case: how its updates are made, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.spec import Spec
from lrsearch.training import catalog
from lrsearch.training.augmentation import IMAGE_RANK, AnyAugmentation, needs_images
from lrsearch.training.layer_groups import LayerGroups, clashes, places
from lrsearch.training.plan import OptimizerSpec, Precision

if TYPE_CHECKING:
    from lrsearch.experiments.training_document import TrainingFields, TrainingSpec

ClassNumber = Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,8})$")]
Weight = Annotated[float, Field(ge=0, strict=True)]
ClassWeight = Literal["balanced"] | dict[ClassNumber, Weight]
MOST_ACCUMULATED: Final = 64


class UpdateFields(Spec):
    """How the updates of a training are made, where they are not the plain ones."""

    accumulation_steps: Annotated[int, Field(ge=1, le=MOST_ACCUMULATED, strict=True)] = 1
    """Batches whose gradients make one update; steps, rates and schedules count updates."""
    class_weight: ClassWeight | None = None
    """Factor on the training loss by class: `"balanced"`, or `{"0": 1.0, "1": 5.0}`; classes left out have 1."""
    layer_groups: LayerGroups | None = None
    """Layers with rates of their own: discriminative rates, freezing and unfreezing."""
    precision: Precision = "float32"
    """Dtype policy; mixed precision is trained by `model.fit`, mixed_float16 with its loss scaling."""
    augmentation: Annotated[tuple[AnyAugmentation, ...], Field(max_length=16)] = ()
    """Random changes of the samples trained on, made in this order; trained by `model.fit`."""

    def class_weights(self) -> Literal["balanced"] | tuple[tuple[int, float], ...] | None:
        """As a plan has them."""
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, str):
            return "balanced"
        return tuple(sorted((int(number), weight) for number, weight in self.class_weight.items()))


def field_problems(document: TrainingFields) -> list[Problem]:
    """What is wrong with these fields for the model and data of the document, whose rows are there."""
    return [
        *_accumulation_problems(document),
        *_class_problems(document),
        *_augmentation_problems(document),
        *_engine_problems(document),
    ]


def _accumulation_problems(document: TrainingFields) -> list[Problem]:
    batches = -(-document.samples() // document.batch_size)
    if document.accumulation_steps <= batches:
        return []
    message = f"accumulation_steps is {document.accumulation_steps}, but an epoch has {batches} batches."
    action = f"Use at most {batches} accumulation_steps, or a smaller batch_size."
    return [Problem("/accumulation_steps", "at_most_an_epoch", document.accumulation_steps, message, action)]


def _class_problems(document: TrainingFields) -> list[Problem]:
    given, row = document.class_weight, catalog.datasets()[document.data.name]
    if given is None:
        return []
    if row.task != "classification":
        message = f"{row.name} is a {row.task} task, which has no classes."
        return [Problem("/class_weight", "classification_only", given, message, "Remove class_weight.")]
    if isinstance(given, str):
        return []
    found = [
        Problem(
            f"/class_weight/{number}",
            "no_such_class",
            weight,
            f"{row.name} has the classes 0 to {row.outputs - 1}, and none is {number}.",
            "Remove this class, or correct its number.",
        )
        for number, weight in given.items()
        if int(number) >= row.outputs
    ]
    if not found and all(given.get(str(number), 1.0) == 0 for number in range(row.outputs)):
        message = "The weights of all classes are 0, so that there is nothing to learn."
        found.append(Problem("/class_weight", "one_above_zero", given, message, "Give one class a weight above 0."))
    return found


def _augmentation_problems(document: TrainingFields) -> list[Problem]:
    row = catalog.datasets()[document.data.name]
    if len(row.sample_shape) == IMAGE_RANK:
        return []
    return [
        Problem(
            f"/augmentation/{index}/kind",
            "images_only",
            change.kind,
            f"{change.kind} changes images; the samples of {row.name} have the rank {len(row.sample_shape)}.",
            'Use {"kind": "noise"}, or data of images.',
        )
        for index, change in enumerate(document.augmentation)
        if needs_images(change)
    ]


def _engine_problems(document: TrainingFields) -> list[Problem]:
    if document.engine != "compiled":
        return []
    found: list[str] = []
    if document.precision != "float32":
        found.append(f'"precision": "{document.precision}"')
    if document.augmentation:
        found.append("augmentation")
    if not found:
        return []
    message = f"The compiled engine does not train with {' and '.join(found)}."
    return [Problem("/engine", "fit_only", "compiled", message, 'Set engine to "fit" or "auto".')]


def group_problems(document: TrainingSpec) -> list[Problem]:
    """What is wrong with the layer groups for the optimizer, the length, and the model where its row names the layers."""
    groups = document.layer_groups
    if groups is None:
        return []
    found = optimizer_problems(document.optimizer) + matching_problems(groups, document.model)
    try:
        groups.multipliers(document.updates(), document.steps_per_epoch())
    except InvalidDocument as error:
        found += error.below("/layer_groups")
    return found


def matching_problems(
    groups: LayerGroups, model: catalog.ModelSpec, pointer: str = "/layer_groups/groups"
) -> list[Problem]:
    """Groups that take no layer, or one that another takes too; of a model whose row names no layers, what is sure."""
    names = catalog.layers_of(model)
    if names is None:
        return [problem.moved(pointer) for problem in clashes(groups.groups)]
    try:
        places(groups.groups, names)
    except InvalidDocument as error:
        return error.below(pointer)
    return []


def optimizer_problems(optimizer: OptimizerSpec, pointer: str = "/layer_groups") -> list[Problem]:
    """An optimizer whose update is no multiple of its rate."""
    if catalog.optimizers()[optimizer.kind].takes_groups:
        return []
    message = f"{optimizer.kind} computes its weights from sums over all updates, so that no group can have a rate of its own."
    able = [name for name, row in catalog.optimizers().items() if row.takes_groups]
    return [Problem(pointer, "no_layer_groups", optimizer.kind, message, f"Use one of {', '.join(able)}.")]


def momenta_of(document: TrainingSpec) -> tuple[NDArray[np.float64] | None, str | None]:
    """Momentum of every update, shape (updates,), where the schedule cycles it; else None, and why it does not move."""
    if document.schedule is None:
        return None, None
    resolved = document.schedule.resolve(steps_per_epoch=document.steps_per_epoch(), total_steps=document.updates())
    momenta = resolved.momenta(np.arange(document.updates()))
    if np.isnan(momenta).all():
        return None, None
    row = catalog.optimizers()[document.optimizer.kind]
    if row.momentum_name is None:
        return None, f"{row.name} has no momentum that could move: {row.momentum_why}"
    own = momentum_of(document.optimizer)
    if own == 0:
        return None, f"{row.name} has the {row.momentum_name} 0: give it one, such as 0.9, for the cycle to move it"
    return np.where(np.isnan(momenta), own, momenta), None


def momentum_of(optimizer: OptimizerSpec) -> float:
    """The optimizer's own momentum: given, or Keras' default."""
    row = catalog.optimizers()[optimizer.kind]
    assert row.momentum_name is not None
    given: Mapping[str, Any] = optimizer.hyperparameters()
    momentum: Any = given.get(row.momentum_name, row.hyperparameters[row.momentum_name].default)
    return float(momentum)
