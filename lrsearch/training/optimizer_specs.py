"""The optimizer of a document: one spec a row of the table, joined by `kind`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

from pydantic import ConfigDict, Field, create_model, model_validator

from lrsearch.spec import Rate, Spec, broken
from lrsearch.training.optimizer_table import OPTIMIZERS, Hyperparameter, OptimizerRow

_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


class OptimizerSpec(Spec):
    """An optimizer and its hyperparameters as flat fields: `{"kind": "sgd", "momentum": 0.9}`.

    The members of `AnyOptimizer` are made from the rows of `catalog.OPTIMIZERS`; what is left out has Keras' default.
    """

    # Docstrings of fields are looked for in the source of the caller: for made classes in vain, and half their cost.
    model_config = ConfigDict(use_attribute_docstrings=False)

    kind: str
    learning_rate: Annotated[
        Rate | None,
        Field(
            description="Constant rate for job kinds that train at one; a range test refuses it, since it sets the rate itself."
        ),
    ] = None

    def hyperparameters(self) -> dict[str, float | bool]:
        """The hyperparameters that were given, without kind and learning rate."""
        return self.model_dump(exclude={"kind", "learning_rate"}, exclude_none=True)

    @model_validator(mode="after")
    def _at_most_one_clip(self) -> Self:
        given = [name for name in _CLIPS if getattr(self, name, None) is not None]
        if len(given) > 1:
            raise broken(
                given[1],
                "one_clip_only",
                f"{' and '.join(given)} are given; Keras clips by one of them only.",
                f"Keep one of {', '.join(given)}.",
            )
        return self

    @model_validator(mode="after")
    def _ema_is_switched_on(self) -> Self:
        for name in ("ema_momentum", "ema_overwrite_frequency"):
            value = getattr(self, name, None)
            if value is not None and not getattr(self, "use_ema", None):
                raise broken(
                    name,
                    "needs_use_ema",
                    f"{name} is {value}, but without use_ema it does nothing.",
                    f'Add "use_ema": true, or remove {name}.',
                )
        return self


def _field(hyperparameter: Hyperparameter) -> Any:
    """Type and default of a field: None stands for "left out", so that a stored document says only what was said."""
    default, least, greatest = hyperparameter
    shown = "off" if default is None else str(default).lower() if hyperparameter.is_switch else f"{default:g}"
    kind: Any = bool if hyperparameter.is_switch else int if hyperparameter.is_whole else float
    bounded = Annotated[kind, Field(strict=True, ge=least, le=greatest)]
    return Annotated[bounded | None, Field(description=f"Left out: {shown}, the default of Keras.")], None


def _spec(row: OptimizerRow) -> type[OptimizerSpec]:
    fields: dict[str, Any] = {name: _field(value) for name, value in row.hyperparameters.items()}
    kind: Any = (Literal[row.name], row.name)
    spec = create_model(row.keras_class, __base__=OptimizerSpec, __module__=__name__, kind=kind, **fields)
    spec.__doc__ = f"keras.optimizers.{row.keras_class}, by default at {row.default_lr:g}. {row.cites}."
    spec.cites = (row.cites,)
    return spec


SPECS: dict[str, type[OptimizerSpec]] = {name: _spec(row) for name, row in OPTIMIZERS.items()}
"""Name of the optimizer -> the class of its specs."""

if TYPE_CHECKING:
    AnyOptimizer = OptimizerSpec
else:
    AnyOptimizer = Annotated[Union[tuple(SPECS.values())], Field(discriminator="kind")]  # noqa: UP007
    globals().update({spec.__name__: spec for spec in SPECS.values()})  # so that specs can be pickled
